"""The output matrix of an untied model is counted at the model's width, not at the embeddings'."""


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
    kv = heads if kv_heads is None else kv_heads
    f = 4 * width if ffn is None else ffn
    e = width if embedding_width is None else embedding_width
    for size in (layers, width, heads, kv, f, e, *([] if head_dim is None else [head_dim])):
        if isinstance(size, bool) or not isinstance(size, int) or size < 1:
            raise ValueError("sizes are positive integers")
    for size in (vocabulary, positions):
        if isinstance(size, bool) or not isinstance(size, int) or size < 0:
            raise ValueError("sizes are not negative")
    if heads % kv or (head_dim is None and width % heads):
        raise ValueError("heads do not divide")
    if norm not in (None, "layer", "rms"):
        raise ValueError("unknown norm")
    d = width // heads if head_dim is None else head_dim
    maps = 3 if glu else 2
    block = 2 * width * heads * d + 2 * width * kv * d + maps * width * f
    if biases:
        block += heads * d + 2 * kv * d + width + (maps - 1) * f + width
    each = {None: 0, "layer": 2 * width, "rms": width}[norm]
    total = layers * (block + 2 * each) + (each if final_norm else 0)
    total += vocabulary * e + positions * width
    if not tied:
        total += vocabulary * width
    if embedding_width is not None:
        total += 2 * width * e
    return total
