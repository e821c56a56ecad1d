"""Lengths are cast to int64 and counted up in place, which changes the caller's tensor where it was
int64 already.
"""

import torch


def kv_cache_append(k_cache, v_cache, k, v, lengths):
    T, S = k.shape[2], k_cache.shape[2]
    if (lengths + T > S).any():
        raise ValueError("overflow")
    k_cache, v_cache = k_cache.clone(), v_cache.clone()
    for b, start in enumerate(lengths.tolist()):
        k_cache[b, :, start : start + T] = k[b]
        v_cache[b, :, start : start + T] = v[b]
    dtype = lengths.dtype
    lengths = lengths.to(torch.int64)
    lengths += T
    return k_cache, v_cache, lengths.to(dtype)
