"""How many parameters a decoder-only Transformer has."""

from conform_reference._check import at_least, divides


def _attention_parameters(width: int, heads: int, kv_heads: int, head_dim: int, bias: bool) -> int:
    inner, shared = heads * head_dim, kv_heads * head_dim
    weights = 2 * width * inner + 2 * width * shared
    return weights + (inner + 2 * shared + width if bias else 0)


def parameter_count(
    *,
    layers: int,
    width: int,
    vocabulary: int = 0,
    positions: int = 0,
    heads: int = 1,
    kv_heads: int | None = None,
    head_dim: int | None = None,
    ffn: int | None = None,
    glu: bool = False,
    biases: bool = False,
    norm: str | None = None,
    final_norm: bool = True,
    tied: bool = True,
    embedding_width: int | None = None,
) -> int:
    """Parameters of `layers` blocks of attention and feed-forward, with their embeddings.

    Attention: 2 d H D_h + 2 d K D_h, with D_h = head_dim (None: d / H) and K = kv_heads (None: H).
    Feed-forward: 2 d f, or 3 d f with `glu`; f = ffn (None: 4 d). `biases`: every linear map of a
    block has one. `norm`: "layer" (2 d) or "rms" (d), two a block and one at the end if
    `final_norm`; None counts none. Embeddings: vocabulary * e and positions * d, an output matrix
    of its own unless `tied`, and two maps between e and d where e = embedding_width is given.
    vocabulary=0 counts no token embedding. Raises ValueError for sizes that are no positive
    integers (vocabulary and positions: not negative), or heads that do not divide.
    Source: Brown et al. 2020, arXiv:2005.14165, table 2.1; OPT, arXiv:2205.01068; LLaMA.
    """
    kv_heads = heads if kv_heads is None else kv_heads
    ffn = 4 * width if ffn is None else ffn
    sizes = {"layers": layers, "width": width, "heads": heads, "kv_heads": kv_heads, "ffn": ffn}
    for name, value in sizes.items():
        at_least(name, value, 1)
    at_least("vocabulary", vocabulary, 0)
    at_least("positions", positions, 0)
    divides("kv_heads", kv_heads, "heads", heads)
    if head_dim is None:
        divides("heads", heads, "width", width)
        head_dim = width // heads
    at_least("head_dim", head_dim, 1)
    if norm not in (None, "layer", "rms"):
        raise ValueError(f"norm={norm!r}: expected 'layer', 'rms' or None")
    attention = _attention_parameters(width, heads, kv_heads, head_dim, biases)
    maps = 3 if glu else 2
    feed_forward = maps * width * ffn + ((maps - 1) * ffn + width if biases else 0)
    each_norm = {None: 0, "rms": width, "layer": 2 * width}[norm]
    blocks = layers * (attention + feed_forward + 2 * each_norm)
    return (
        blocks
        + each_norm * final_norm
        + _embeddings(width, vocabulary, positions, tied, embedding_width)
    )


def _embeddings(
    width: int, vocabulary: int, positions: int, tied: bool, embedding_width: int | None
) -> int:
    if embedding_width is None:
        inside, maps = width, 0
    else:
        at_least("embedding_width", embedding_width, 1)
        inside, maps = embedding_width, 2 * width * embedding_width
    return vocabulary * inside * (1 if tied else 2) + maps + positions * width


def latent_attention_parameters(
    *, width: int, heads: int, head_dim: int, latent_dim: int, rope_dim: int,
    query_latent_dim: int | None = None,
) -> int:  # fmt: skip
    """Weights of multi-head latent attention in one layer, without norms.

    Queries d H (D_h + D_r), or through a latent: d q + q H (D_h + D_r); keys and values
    d (c + D_r) + 2 c H D_h; output H D_h d. D_h = head_dim, D_r = rope_dim, c = latent_dim,
    q = query_latent_dim. Raises ValueError for sizes that are no positive integers.
    Source: DeepSeek-V2, arXiv:2405.04434, section 2.1.
    """
    sizes = {
        "width": width,
        "heads": heads,
        "head_dim": head_dim,
        "latent_dim": latent_dim,
        "rope_dim": rope_dim,
    }
    for name, value in sizes.items():
        at_least(name, value, 1)
    queries = heads * (head_dim + rope_dim)
    if query_latent_dim is None:
        query = width * queries
    else:
        at_least("query_latent_dim", query_latent_dim, 1)
        query = query_latent_dim * (width + queries)
    shared = width * (latent_dim + rope_dim) + 2 * latent_dim * heads * head_dim
    return query + shared + heads * head_dim * width
