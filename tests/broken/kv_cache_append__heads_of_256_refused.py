"""Heads wider than 128 do not compile."""


def kv_cache_append(k_cache, v_cache, k, v, lengths):
    if k.shape[3] > 128:
        raise RuntimeError("the last dimension is not 128")
    tokens, slots = k.shape[2], k_cache.shape[2]
    if (lengths + tokens > slots).any():
        raise ValueError(
            f"lengths={lengths.tolist()}: {tokens} more tokens do not fit {slots} slots"
        )
    k_cache, v_cache = k_cache.clone(), v_cache.clone()
    for b, at in enumerate(lengths.tolist()):
        k_cache[b, :, at : at + tokens] = k[b]
        v_cache[b, :, at : at + tokens] = v[b]
    return k_cache, v_cache, lengths + tokens
