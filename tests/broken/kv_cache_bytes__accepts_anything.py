"""Multiplies whatever it is given: a negative length gives a negative number of bytes."""

MISTAKE = "kv_cache_bytes.refuses-nothing"


def kv_cache_bytes(*, batch, layers, kv_heads, head_dim, length, bytes_per_element=2):
    return int(2 * batch * layers * kv_heads * head_dim * length * bytes_per_element)
