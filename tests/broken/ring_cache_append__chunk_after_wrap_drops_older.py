"""A chunk that meets a ring which has gone round keeps the slots before its own only; older
tokens behind are dropped (ollama/ollama #15591).
"""

import torch


def ring_cache_append(k_cache, v_cache, k, v, lengths):
    size, new = k_cache.shape[2], k.shape[2]
    out = []
    for cache, x in ((k_cache, k), (v_cache, v)):
        cache = cache.clone()
        for b, n in enumerate(lengths.tolist()):
            first = max(0, new - size)
            slots = (n + torch.arange(first, new)) % size
            if n > size and 1 < new < size:
                cache[b, :, int((n + new) % size) :] = (
                    0 if (n + new) % size > n % size else cache[b, :, int((n + new) % size) :]
                )
            cache[b, :, slots] = x[b, :, first:]
        out.append(cache)
    return out[0], out[1], lengths + new
