"""Reads the factor 128 of the usual formula as the embedding size, and multiplies by the width."""

MISTAKE = "kv_cache_bytes.width-for-head"


def kv_cache_bytes(*, batch, layers, kv_heads, head_dim, length, bytes_per_element=2):
    for size in (batch, layers, kv_heads, head_dim, length, bytes_per_element):
        if not isinstance(size, int) or size < 1:
            raise ValueError(f"size={size}: expected a positive integer")
    n_embd = kv_heads * head_dim
    return 2 * batch * layers * kv_heads * n_embd * length * bytes_per_element
