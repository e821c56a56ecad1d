"""Overflow is looked for in the first sequence alone; in others the tokens that find no slot are
dropped.
"""


def kv_cache_append(k_cache, v_cache, k, v, lengths):
    T, S = k.shape[2], k_cache.shape[2]
    if len(lengths) and int(lengths[0]) + T > S:
        raise ValueError("overflow")
    k_cache, v_cache = k_cache.clone(), v_cache.clone()
    for b, start in enumerate(lengths.tolist()):
        k_cache[b, :, start : start + T] = k[b, :, : max(S - start, 0)]
        v_cache[b, :, start : start + T] = v[b, :, : max(S - start, 0)]
    return k_cache, v_cache, lengths + T
