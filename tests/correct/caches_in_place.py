"""Caches updated in place, as serving engines do, and declared so."""

import torch

IN_PLACE = {
    "mutates": ["k_cache", "v_cache"],
    "strides": "contiguous",
}
CONFORM = {
    "dtypes": ["float64", "float32", "bfloat16", "float16"],
    "operators": {"kv_cache_append": IN_PLACE, "ring_cache_append": IN_PLACE},
}


def kv_cache_append(k_cache, v_cache, k, v, lengths):
    tokens = k.shape[2]
    if (lengths + tokens > k_cache.shape[2]).any():
        raise ValueError(f"lengths={lengths.tolist()}: no room for {tokens} tokens")
    for b, start in enumerate(lengths.tolist()):
        k_cache[b, :, start : start + tokens] = k[b]
        v_cache[b, :, start : start + tokens] = v[b]
    return k_cache, v_cache, lengths + tokens


def ring_cache_append(k_cache, v_cache, k, v, lengths):
    slots, tokens = k_cache.shape[2], k.shape[2]
    rows = torch.arange(len(lengths))
    for t in range(tokens):
        k_cache[rows, :, (lengths + t) % slots] = k[:, :, t]
        v_cache[rows, :, (lengths + t) % slots] = v[:, :, t]
    return k_cache, v_cache, lengths + tokens
