"""Counts one tensor a layer where there are two, keys and values."""

MISTAKE = "kv_cache_bytes.keys-only"


def kv_cache_bytes(*, batch, layers, kv_heads, head_dim, length, bytes_per_element=2):
    sizes = (batch, layers, kv_heads, head_dim, length, bytes_per_element)
    if any(not isinstance(n, int) or n < 1 for n in sizes):
        raise ValueError(f"sizes={sizes}: expected positive integers")
    return batch * layers * kv_heads * head_dim * length * bytes_per_element
