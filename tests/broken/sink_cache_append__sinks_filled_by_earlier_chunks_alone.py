"""A text of fewer tokens than sinks: when the next chunk overflows the cache, the first slots are
kept as they are, filled or not, and the chunk's own first tokens fall out (huggingface/transformers
#31537).
"""

import torch


def append(cache, new, length, sinks):
    slots = cache.shape[1]
    held = min(length, slots)
    every = torch.cat([cache[:, :held], new.to(cache.dtype)], 1)
    if every.shape[1] <= slots:
        return torch.cat([every, cache[:, every.shape[1] :]], 1)
    recent = every[:, every.shape[1] - (slots - sinks) :]
    first = cache[:, :sinks] if length < sinks else every[:, :sinks]
    return torch.cat([first, recent], 1)


def sink_cache_append(k_cache, v_cache, k, v, lengths, *, sinks):
    counts = lengths.tolist()
    keys = torch.stack([append(k_cache[b], k[b], n, sinks) for b, n in enumerate(counts)])
    values = torch.stack([append(v_cache[b], v[b], n, sinks) for b, n in enumerate(counts)])
    return keys, values, lengths + k.shape[2]
