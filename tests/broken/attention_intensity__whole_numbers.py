"""The quotient is taken in integers."""


def need(**sizes):
    for name, n in sizes.items():
        if isinstance(n, bool) or not isinstance(n, int) or n < 1:
            raise ValueError(f"{name}={n!r}: expected a positive integer")


def attention_intensity(*, heads, kv_heads, bytes_per_element=2):
    need(heads=heads, kv_heads=kv_heads, bytes_per_element=bytes_per_element)
    if heads % kv_heads:
        raise ValueError(f"kv_heads={kv_heads} does not divide heads={heads}")
    return float(2 * heads // (kv_heads * bytes_per_element))
