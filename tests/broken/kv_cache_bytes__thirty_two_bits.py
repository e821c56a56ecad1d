"""The product is kept in 32 bits (int offsets of caches beyond 2 GiB)."""

import ctypes


def kv_cache_bytes(*, batch, layers, kv_heads, head_dim, length, bytes_per_element=2):
    sizes = (batch, layers, kv_heads, head_dim, length, bytes_per_element)
    if min(sizes) < 1:
        raise ValueError("sizes are positive")
    total = 2
    for size in sizes:
        total *= size
    return ctypes.c_int32(total).value
