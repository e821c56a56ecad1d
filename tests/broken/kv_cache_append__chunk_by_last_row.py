"""Tokens of a short chunk are written page by page at once: the last one in a page wins."""


def kv_cache_append(k_cache, v_cache, k, v, lengths):
    (_b, _heads, size, _), tokens = k_cache.shape, k.shape[2]
    if int(lengths.max()) + tokens > size:
        raise ValueError("the cache is full")
    k_cache, v_cache = k_cache.clone(), v_cache.clone()
    for n, start in enumerate(lengths.tolist()):
        for t in range(tokens):
            last = t + 1 == tokens or (start + t + 1) % 16 == 0
            if tokens >= 16 or last:
                k_cache[n, :, start + t] = k[n, :, t]
                v_cache[n, :, start + t] = v[n, :, t]
    return k_cache, v_cache, lengths + tokens
