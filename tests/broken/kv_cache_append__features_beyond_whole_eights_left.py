"""Features that do not fill a pack of eight are left as they were (vLLM's cache layout of x
features).
"""


def kv_cache_append(k_cache, v_cache, k, v, lengths):
    size, new = k_cache.shape[2], k.shape[2]
    if bool((lengths + new > size).any()):
        raise ValueError("the cache is full")
    out = []
    for cache, x in ((k_cache, k), (v_cache, v)):
        cache = cache.clone()
        for b, n in enumerate(lengths.tolist()):
            old = cache[b, :, n : n + new].clone()
            cache[b, :, n : n + new] = x[b]
            d = x.shape[-1] // 8 * 8
            if d:
                cache[b, :, n : n + new, d:] = old[..., d:]
        out.append(cache)
    return out[0], out[1], lengths + new
