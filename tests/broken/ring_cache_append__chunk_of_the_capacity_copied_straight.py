"""A chunk as long as the ring replaces it from slot 0 on, wherever the ring stood."""

import torch


def ring_cache_append(k_cache, v_cache, k, v, lengths):
    size, tokens = k_cache.shape[2], k.shape[2]
    keys, values = k_cache.clone(), v_cache.clone()
    for b, n in enumerate(lengths.tolist()):
        kept = min(tokens, size)
        at = torch.arange(n + tokens - kept, n + tokens) % size
        if tokens == size:
            at = torch.arange(size)
        keys[b, :, at] = k[b, :, tokens - kept :]
        values[b, :, at] = v[b, :, tokens - kept :]
    return keys, values, lengths + tokens
