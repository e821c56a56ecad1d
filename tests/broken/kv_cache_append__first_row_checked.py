"""Only the first sequence is checked for overflow; the others are clamped to the last slot."""

import torch


def kv_cache_append(k_cache, v_cache, k, v, lengths):
    new, size = k.shape[2], k_cache.shape[2]
    if int(lengths[0]) + new > size:
        raise ValueError("the cache is full")
    slots = (lengths[:, None] + torch.arange(new)).clamp(max=size - 1)
    index = slots[:, None, :, None].expand(-1, k.shape[1], -1, k.shape[3])
    return k_cache.scatter(2, index, k), v_cache.scatter(2, index, v), lengths + new
