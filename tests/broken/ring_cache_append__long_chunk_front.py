"""A prompt longer than the window keeps its beginning instead of its end."""

import torch

MISTAKE = "ring_cache_append.first-of-long-chunk"


def ring_cache_append(k_cache, v_cache, k, v, lengths):
    slots, tokens = k_cache.shape[2], k.shape[2]
    k_cache, v_cache = k_cache.clone(), v_cache.clone()
    rows = torch.arange(len(lengths))
    for t in range(min(tokens, slots)):
        slot = (lengths + t) % slots
        k_cache[rows, :, slot] = k[:, :, t]
        v_cache[rows, :, slot] = v[:, :, t]
    return k_cache, v_cache, lengths + tokens
