"""The product is kept in an int32, which wraps from 2 GiB on."""


def kv_cache_bytes(*, batch, layers, kv_heads, head_dim, length, bytes_per_element=2):
    sizes = (batch, layers, kv_heads, head_dim, length, bytes_per_element)
    if any(isinstance(s, bool) or not isinstance(s, int) or s < 1 for s in sizes):
        raise ValueError("sizes are positive integers")
    total = 2 * batch * layers * kv_heads * head_dim * length * bytes_per_element
    return (total + 2**31) % 2**32 - 2**31
