"""The slot is counted from the filled part: right in a full ring, wrong once it has wrapped part
way.
"""

import torch


def ring_cache_append(k_cache, v_cache, k, v, lengths):
    size, new = k_cache.shape[2], k.shape[2]
    k_cache, v_cache = k_cache.clone(), v_cache.clone()
    for b, n in enumerate(lengths.tolist()):
        kept = min(new, size)
        slots = (n % size + torch.arange(kept)) % size
        k_cache[b, :, slots], v_cache[b, :, slots] = k[b, :, new - kept :], v[b, :, new - kept :]
    return k_cache, v_cache, lengths + new
