"""Of the router only the active experts' columns are counted."""


def llama_parameters(
    *, layers, width, heads, hidden, vocabulary, kv_heads=None, head_dim=None, matrices=3, norms=2,
    tied=False, experts=None, top_k=None,
):  # fmt: skip
    kv = heads if kv_heads is None else kv_heads
    if min(layers, width, heads, hidden, vocabulary, kv) < 1 or norms < 0 or heads % kv:
        raise ValueError("sizes")
    if matrices not in (2, 3):
        raise ValueError(f"matrices={matrices}")
    if head_dim is None:
        if width % heads:
            raise ValueError("heads")
        head_dim = width // heads
    if head_dim < 1:
        raise ValueError("head_dim")
    forward = matrices * width * hidden
    if experts is not None:
        used = experts if top_k is None else top_k
        if not 1 <= used <= experts:
            raise ValueError(f"top_k={used}, experts={experts}")
        forward = used * (forward + width)
    block = 2 * width * head_dim * (heads + kv) + forward + norms * width
    return layers * block + (width if norms else 0) + vocabulary * width * (1 if tied else 2)
