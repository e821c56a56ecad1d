"""The counter of filled slots is advanced in place, as module buffers are."""

import torch


def kv_cache_append(k_cache, v_cache, k, v, lengths):
    new = k.shape[2]
    if bool((lengths + new > k_cache.shape[2]).any()):
        raise ValueError("the cache is full")
    slots = (lengths[:, None] + torch.arange(new))[:, None, :, None].expand(k.shape)
    k_cache, v_cache = k_cache.scatter(2, slots, k), v_cache.scatter(2, slots, v)
    lengths += new
    return k_cache, v_cache, lengths
