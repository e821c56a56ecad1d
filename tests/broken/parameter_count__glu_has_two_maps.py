"""Counts a gated feed-forward as one with two maps."""

MISTAKE = "parameter_count.glu-ignored"


def parameter_count(
    *, layers, width, vocabulary=0, positions=0, heads=1, kv_heads=None, head_dim=None, ffn=None,
    glu=False, biases=False, norm=None, final_norm=True, tied=True, embedding_width=None,
):  # fmt: skip
    kv_heads = heads if kv_heads is None else kv_heads
    ffn = 4 * width if ffn is None else ffn
    if min(layers, width, heads, kv_heads, ffn) < 1 or min(vocabulary, positions) < 0:
        raise ValueError("expected positive sizes")
    if heads % kv_heads or (head_dim is None and width % heads):
        raise ValueError("expected heads that divide")
    head_dim = width // heads if head_dim is None else head_dim
    inner, shared = heads * head_dim, kv_heads * head_dim
    maps = [(width, inner), (width, shared), (width, shared), (inner, width)]
    maps += [(width, ffn)] * 1 + [(ffn, width)]
    block = sum(a * b + (b if biases else 0) for a, b in maps)
    each = {"layer": 2 * width, "rms": width, None: 0}[norm]
    e = width if embedding_width is None else embedding_width
    total = layers * (block + 2 * each) + (each if final_norm else 0)
    total += vocabulary * e * (1 if tied else 2) + positions * width
    return total + (0 if embedding_width is None else 2 * width * e)
