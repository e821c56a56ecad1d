"""Heads are padded to a power of two, and the padding is stored over the next slot."""


def kv_cache_append(k_cache, v_cache, k, v, lengths):
    tokens, slots = k.shape[2], k_cache.shape[2]
    if (lengths + tokens > slots).any():
        raise ValueError(
            f"lengths={lengths.tolist()}: {tokens} more tokens do not fit {slots} slots"
        )
    k_cache, v_cache = k_cache.clone(), v_cache.clone()
    for b, at in enumerate(lengths.tolist()):
        k_cache[b, :, at : at + tokens] = k[b]
        v_cache[b, :, at : at + tokens] = v[b]
    spill = (1 << (k.shape[3] - 1).bit_length()) - k.shape[3]
    for b, at in enumerate(lengths.tolist()):
        if spill and at + tokens < slots:
            k_cache[b, :, at + tokens, : min(spill, k.shape[3])] = 0
    return k_cache, v_cache, lengths + tokens
