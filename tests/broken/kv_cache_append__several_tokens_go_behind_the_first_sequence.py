"""One new token goes to each sequence's own length, several go for all sequences to that of the
first (prefill paths written for equal lengths).
"""


def kv_cache_append(k_cache, v_cache, k, v, lengths):
    T, S = k.shape[2], k_cache.shape[2]
    if (lengths + T > S).any():
        raise ValueError("overflow")
    k_cache, v_cache = k_cache.clone(), v_cache.clone()
    for b, start in enumerate(lengths.tolist()):
        start = start if T == 1 else int(lengths[0])
        k_cache[b, :, start : start + T] = k[b]
        v_cache[b, :, start : start + T] = v[b]
    return k_cache, v_cache, lengths + T
