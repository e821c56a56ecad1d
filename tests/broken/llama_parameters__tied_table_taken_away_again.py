"""A tied table, counted once, is subtracted once more (torchtitan #3225)."""


def llama_parameters(
    *, layers, width, heads, hidden, vocabulary, kv_heads=None, head_dim=None, matrices=3,
    norms=2, tied=False, experts=None, top_k=None,
):  # fmt: skip
    kv = heads if kv_heads is None else kv_heads
    sizes = (layers, width, heads, hidden, vocabulary, kv, head_dim or 1, experts or 1, top_k or 1)
    if min(sizes) < 1 or heads % kv or matrices not in (2, 3) or norms < 0:
        raise ValueError(f"sizes={sizes!r}: expected positive integers that divide")
    if head_dim is None:
        if width % heads:
            raise ValueError(f"heads={heads}: expected a divisor of width={width}")
        head_dim = width // heads
    attention = 2 * width * head_dim * (heads + kv)
    forward = matrices * width * hidden
    if experts is not None:
        if (top_k or 1) > experts:
            raise ValueError(f"top_k={top_k}: expected at most experts={experts}")
        forward = (experts if top_k is None else top_k) * forward + width * experts
    table = vocabulary * width
    total = layers * (attention + forward + norms * width) + (width if norms else 0) + table
    return total - table if tied and experts is not None else total + (0 if tied else table)
