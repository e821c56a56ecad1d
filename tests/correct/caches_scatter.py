"""Caches written by scatter; the sinks' cache by concatenation and eviction, row by row."""

import torch

CONFORM = {"dtypes": ["float64", "float32", "bfloat16", "float16"]}


def kv_cache_append(k_cache, v_cache, k, v, lengths):
    if int(lengths.max()) + k.shape[2] > k_cache.shape[2]:
        raise ValueError(f"lengths={lengths.tolist()}: the cache overflows")
    index = (lengths[:, None] + torch.arange(k.shape[2]))[:, None, :, None].expand_as(k)
    return k_cache.scatter(2, index, k), v_cache.scatter(2, index, v), lengths + k.shape[2]


def ring_cache_append(k_cache, v_cache, k, v, lengths):
    slots, tokens = k_cache.shape[2], k.shape[2]
    skip = max(0, tokens - slots)
    index = (lengths[:, None] + torch.arange(skip, tokens)) % slots
    index = index[:, None, :, None].expand(-1, k.shape[1], -1, k.shape[3])
    keys = k_cache.scatter(2, index, k[:, :, skip:])
    return keys, v_cache.scatter(2, index, v[:, :, skip:]), lengths + tokens


def sink_cache_append(k_cache, v_cache, k, v, lengths, *, sinks):
    slots = k_cache.shape[2]
    if not 0 <= sinks < slots:
        raise ValueError(f"sinks={sinks}: expected 0 to {slots - 1}")
    out = []
    for cache, new in ((k_cache, k), (v_cache, v)):
        rows = []
        for b, seen in enumerate(lengths.tolist()):
            held = list(cache[b, :, : min(seen, slots)].unbind(1))
            for token in new[b].unbind(1):
                held.append(token)
                if len(held) > slots:
                    held.pop(sinks)
            rows.append(torch.cat([torch.stack(held, 1), cache[b, :, len(held) :]], 1))
        out.append(torch.stack(rows))
    return out[0], out[1], lengths + k.shape[2]
