"""The capacity check is off by one: a cache that would be exactly full counts as overflowing."""


def kv_cache_append(k_cache, v_cache, k, v, lengths):
    new, size = k.shape[2], k_cache.shape[2]
    if bool((lengths + new >= size).any()):
        raise ValueError("the cache is full")
    k_cache, v_cache = k_cache.clone(), v_cache.clone()
    for b, n in enumerate(lengths.tolist()):
        k_cache[b, :, n : n + new] = k[b]
        v_cache[b, :, n : n + new] = v[b]
    return k_cache, v_cache, lengths + new
