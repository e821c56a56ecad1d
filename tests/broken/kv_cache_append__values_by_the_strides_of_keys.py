"""New values are read by the strides of the new keys (hpcaitech/ColossalAI #6444 had the strides of
queries for keys): wrong where the two lie differently.
"""


def kv_cache_append(k_cache, v_cache, k, v, lengths):
    tokens, size = k.shape[2], k_cache.shape[2]
    if bool((lengths + tokens > size).any()):
        raise ValueError("overflow of the cache")
    room = v.untyped_storage().nbytes() // v.element_size() - v.storage_offset()
    last = sum((n - 1) * abs(s) for n, s in zip(k.shape, k.stride(), strict=True))
    if k.shape == v.shape and v.numel() and last < room:
        v = v.as_strided(k.shape, k.stride())
    keys, values = k_cache.clone(), v_cache.clone()
    for b, n in enumerate(lengths.tolist()):
        keys[b, :, n : n + tokens] = k[b]
        values[b, :, n : n + tokens] = v[b]
    return keys, values, lengths + tokens
