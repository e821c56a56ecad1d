"""A head size of its own is used for queries, keys and values but not for the way back (OLMo-core
#478).
"""


def parameter_count(
    *, layers, width, vocabulary=0, positions=0, heads=1, kv_heads=None, head_dim=None, ffn=None,
    glu=False, biases=False, norm=None, final_norm=True, tied=True, embedding_width=None,
):  # fmt: skip
    kv = heads if kv_heads is None else kv_heads
    f = 4 * width if ffn is None else ffn
    if min(layers, width, heads, kv, f) < 1 or vocabulary < 0 or positions < 0 or heads % kv:
        raise ValueError("sizes: expected positive integers that divide")
    if head_dim is None:
        if width % heads:
            raise ValueError(f"heads={heads}: expected a divisor of width={width}")
        head_dim = width // heads
    inner, shared = heads * head_dim, kv * head_dim
    attention = width * (inner + 2 * shared) + width * width
    attention += inner + 2 * shared + width if biases else 0
    maps = 3 if glu else 2
    forward = maps * width * f + ((maps - 1) * f + width if biases else 0)
    each = {None: 0, "rms": width, "layer": 2 * width}[norm]
    inside = width if embedding_width is None else embedding_width
    tables = vocabulary * inside * (1 if tied else 2) + positions * width
    tables += 0 if embedding_width is None else 2 * width * inside
    return layers * (attention + forward + 2 * each) + each * bool(final_norm) + tables
