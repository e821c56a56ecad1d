"""Updates the caller's caches in place without declaring it."""


def kv_cache_append(k_cache, v_cache, k, v, lengths):
    tokens = k.shape[2]
    if (lengths + tokens > k_cache.shape[2]).any():
        raise ValueError(f"lengths={lengths.tolist()}: no room for {tokens} tokens")
    for b, start in enumerate(lengths.tolist()):
        k_cache[b, :, start : start + tokens] = k[b]
        v_cache[b, :, start : start + tokens] = v[b]
    return k_cache, v_cache, lengths + tokens
