"""With fewer key heads the biases of keys and values are counted as wide as the queries'."""


def parameter_count(
    *,
    layers,
    width,
    vocabulary=0,
    positions=0,
    heads=1,
    kv_heads=None,
    head_dim=None,
    ffn=None,
    glu=False,
    biases=False,
    norm=None,
    final_norm=True,
    tied=True,
    embedding_width=None,
):
    K = heads if kv_heads is None else kv_heads
    f = 4 * width if ffn is None else ffn
    for size in (
        layers,
        width,
        heads,
        K,
        f,
        *(s for s in (head_dim, embedding_width) if s is not None),
    ):
        if isinstance(size, bool) or not isinstance(size, int) or size < 1:
            raise ValueError("sizes are positive integers")
    for size in (vocabulary, positions):
        if isinstance(size, bool) or not isinstance(size, int) or size < 0:
            raise ValueError("sizes are not negative")
    if heads % K or (head_dim is None and width % heads) or norm not in (None, "layer", "rms"):
        raise ValueError("heads do not divide")
    D = width // heads if head_dim is None else head_dim
    e = width if embedding_width is None else embedding_width
    block = 2 * width * heads * D + 2 * width * K * D + (3 if glu else 2) * width * f
    if biases:
        block += 3 * heads * D + width + (2 if glu else 1) * f + width
    one = {None: 0, "layer": 2 * width, "rms": width}[norm]
    total = layers * (block + 2 * one) + (one if final_norm else 0)
    total += vocabulary * e + positions * width
    if not tied:
        total += vocabulary * e
    if embedding_width is not None:
        total += 2 * width * e
    return total
