"""Clamps the slot instead of wrapping: a full cache forgets nothing but its newest token."""

import torch

MISTAKE = "ring_cache_append.no-wrap"


def ring_cache_append(k_cache, v_cache, k, v, lengths):
    slots, tokens = k_cache.shape[2], k.shape[2]
    k_cache, v_cache = k_cache.clone(), v_cache.clone()
    rows = torch.arange(len(lengths))
    for t in range(tokens):
        slot = (lengths + t).clamp(max=slots - 1)
        k_cache[rows, :, slot] = k[:, :, t]
        v_cache[rows, :, slot] = v[:, :, t]
    return k_cache, v_cache, lengths + tokens
