"""What is kept is cut with [-n:], and n = 0 keeps everything: a chunk as long as the window finds
no room (huggingface/transformers, SinkCache).
"""

import torch


def sink_cache_append(k_cache, v_cache, k, v, lengths, *, sinks):
    size, new = k_cache.shape[2], k.shape[2]
    if not 0 <= sinks < size:
        raise ValueError("sinks do not fit")
    out = []
    for cache, fresh in ((k_cache, k), (v_cache, v)):
        cache = cache.clone()
        for b, seen in enumerate(lengths.tolist()):
            old = cache[b, :, : min(seen, size)].clone()
            if old.shape[1] + new <= size:
                cache[b, :, old.shape[1] : old.shape[1] + new] = fresh[b]
                continue
            every = torch.cat([old, fresh[b]], 1)
            if old.shape[1] < sinks or new > size - sinks:
                kept = torch.cat([every[:, :sinks], every[:, every.shape[1] - (size - sinks) :]], 1)
            else:
                n = size - sinks - new
                kept = torch.cat([old[:, :sinks], old[:, -n:], fresh[b]], 1)[:, :size]
            cache[b] = kept
        out.append(cache)
    return out[0], out[1], lengths + new
