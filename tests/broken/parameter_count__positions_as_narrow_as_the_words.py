"""Learned positions are counted as wide as the words; OPT-350M has them as wide as the model."""


def parameter_count(
    *, layers, width, vocabulary=0, positions=0, heads=1, kv_heads=None, head_dim=None, ffn=None,
    glu=False, biases=False, norm=None, final_norm=True, tied=True, embedding_width=None,
):  # fmt: skip
    kv = heads if kv_heads is None else kv_heads
    ffn = 4 * width if ffn is None else ffn
    if min(layers, width, heads, kv, ffn) < 1 or min(vocabulary, positions) < 0 or heads % kv:
        raise ValueError("sizes")
    if norm not in (None, "layer", "rms"):
        raise ValueError(f"norm={norm!r}")
    if head_dim is None:
        if width % heads:
            raise ValueError("heads")
        head_dim = width // heads
    if head_dim < 1 or (embedding_width is not None and embedding_width < 1):
        raise ValueError("head_dim")
    block = 2 * width * head_dim * (heads + kv) + (3 if glu else 2) * width * ffn
    if biases:
        block += head_dim * (heads + 2 * kv) + width + (2 if glu else 1) * ffn + width
    each = {None: 0, "rms": width, "layer": 2 * width}[norm]
    inside = width if embedding_width is None else embedding_width
    tables = vocabulary * inside * (1 if tied else 2) + positions * inside
    if embedding_width is not None:
        tables += 2 * width * inside
    return layers * (block + 2 * each) + each * final_norm + tables
