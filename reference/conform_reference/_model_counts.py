"""How many parameters the published model families have, from their printed sizes."""

from conform_reference import _check


def _positive(**sizes: int) -> None:
    for name, value in sizes.items():
        _check.at_least(name, value, 1)


def _head_size(width: int, heads: int, head_dim: int | None) -> int:
    if head_dim is None:
        _check.divides("heads", heads, "width", width)
        return width // heads
    _check.at_least("head_dim", head_dim, 1)
    return head_dim


def attention_parameters(
    *, width: int, heads: int, kv_heads: int | None = None, head_dim: int | None = None,
    bias: bool = False,
) -> int:  # fmt: skip
    """2 d H D_h + 2 d K D_h: the four projections of one attention layer.

    K = kv_heads (None: H), D_h = head_dim (None: d / H); `bias` adds H D_h + 2 K D_h + d. Raises
    ValueError for sizes that are no positive integers and heads that do not divide.
    Source: Vaswani et al. 2017, section 3.2.2; grouped heads: arXiv:2305.13245.
    """
    _positive(width=width, heads=heads)
    kv_heads = heads if kv_heads is None else kv_heads
    _check.at_least("kv_heads", kv_heads, 1)
    _check.divides("kv_heads", kv_heads, "heads", heads)
    size = _head_size(width, heads, head_dim)
    weights = 2 * width * size * (heads + kv_heads)
    return weights + (size * (heads + 2 * kv_heads) + width if bias else 0)


def ffn_parameters(*, width: int, hidden: int, matrices: int = 2, bias: bool = False) -> int:
    """matrices d d_ff; `bias` adds d_ff for each map into the hidden layer and d for the way back.

    matrices = 3 is a gated layer. Raises ValueError for sizes that are no positive integers and
    matrices other than 2 or 3. Source: Vaswani et al. 2017, eq. 2; Shazeer 2020, arXiv:2002.05202.
    """
    _positive(width=width, hidden=hidden)
    if matrices not in (2, 3):
        raise ValueError(f"matrices={matrices!r}: expected 2 (plain) or 3 (gated)")
    return matrices * width * hidden + ((matrices - 1) * hidden + width if bias else 0)


def glu_hidden_width(width: int, *, multiple_of: int = 256, multiplier: float = 1.0) -> int:
    """LLaMA's d_ff: floor(multiplier floor(8 d / 3)), rounded up to a multiple.

    A gated layer has three matrices: two thirds of 4 d keep the parameters of two. Raises
    ValueError for sizes that are no positive integers or a multiplier <= 0. Source:
    arXiv:2002.05202, section 2; Touvron et al. 2023 (the multiplier, 1.3, came with Llama 2 70B).
    """
    _positive(width=width, multiple_of=multiple_of)
    if not multiplier > 0:
        raise ValueError(f"multiplier={multiplier!r}: expected a positive number; 1.0 is usual")
    wanted = int(multiplier * (8 * width // 3))
    return multiple_of * -(-wanted // multiple_of)


def gpt_parameters(
    *, layers: int, width: int, vocabulary: int, positions: int, final_norm: bool = True,
    embedding_width: int | None = None,
) -> int:  # fmt: skip
    """L (12 d^2 + 13 d) + V e + n d (+ 2 d): GPT, GPT-2, GPT-3 and OPT.

    Four attention maps and a feed-forward of 4 d, all with biases, two layer norms a block, learned
    positions, the head tied to the table; `final_norm` is missing in GPT and OPT-350M.
    embedding_width e (None: d) adds the two maps 2 d e of OPT-350M. Raises ValueError for sizes
    that are no positive integers. Source: Radford et al. 2018, 2019; Zhang et al. 2022,
    arXiv:2205.01068.
    """
    _positive(layers=layers, width=width, vocabulary=vocabulary, positions=positions)
    block = attention_parameters(width=width, heads=1, bias=True)
    block += ffn_parameters(width=width, hidden=4 * width, bias=True) + 4 * width
    inside, maps = width, 0
    if embedding_width is not None:
        _check.at_least("embedding_width", embedding_width, 1)
        inside, maps = embedding_width, 2 * width * embedding_width
    total = layers * block + vocabulary * inside + maps + positions * width
    return total + (2 * width if final_norm else 0)


def bert_parameters(
    *, layers: int, width: int, vocabulary: int, positions: int = 512, segments: int = 2,
    pooler: bool = True,
) -> int:  # fmt: skip
    """L (12 d^2 + 13 d) + (V + n + segments) d + 2 d, and d^2 + d for the pooler: BERT.

    Post-norm: the last norm belongs to a block, but the embeddings have one of their own. Raises
    ValueError for sizes that are no positive integers. Source: Devlin et al. 2019,
    arXiv:1810.04805.
    """
    _check.at_least("segments", segments, 1)
    embeddings = vocabulary + positions + segments
    total = gpt_parameters(layers=layers, width=width, vocabulary=embeddings, positions=1)
    return total - width + (width * (width + 1) if pooler else 0)


def llama_parameters(
    *, layers: int, width: int, heads: int, hidden: int, vocabulary: int,
    kv_heads: int | None = None, head_dim: int | None = None, matrices: int = 3,
    norms: int = 2, tied: bool = False, experts: int | None = None, top_k: int | None = None,
) -> int:  # fmt: skip
    """L (attention + feed-forward + norms d) + d + V d (2 V d where not tied), without biases.

    LLaMA 1 to 3 and Mistral as they stand; PaLM has `tied` and norms=1 for its parallel block,
    Gemma 2 a head_dim of its own and norms=4; norms=0 counts the matrices alone. `experts`: so many
    feed-forwards and a router d x experts (Mixtral), of which `top_k` (None: all) are counted, so
    that top_k gives the active parameters of a token. Raises ValueError for sizes that are no
    positive integers or do not divide. Source: arXiv:2302.13971; arXiv:2204.02311;
    arXiv:2401.04088.
    """
    _positive(layers=layers, vocabulary=vocabulary)
    _check.at_least("norms", norms, 0)
    block = attention_parameters(width=width, heads=heads, kv_heads=kv_heads, head_dim=head_dim)
    feed_forward = ffn_parameters(width=width, hidden=hidden, matrices=matrices)
    if experts is not None:
        _check.at_least("experts", experts, 1)
        used = experts if top_k is None else top_k
        _check.at_least("top_k", used, 1)
        if used > experts:
            raise ValueError(
                f"top_k={used}, experts={experts}: expected top_k <= experts; lower it"
            )
        feed_forward = used * feed_forward + width * experts
    final = width if norms else 0
    tables = vocabulary * width * (1 if tied else 2)
    return layers * (block + feed_forward + norms * width) + final + tables


def encoder_decoder_parameters(
    *, layers: int, width: int, heads: int, hidden: int, vocabulary: int
) -> int:
    """N (4 d^2 + 2 d d_ff) + N (8 d^2 + 2 d d_ff) + V d: the matrices of the original Transformer.

    N encoder and N decoder layers, the latter with a second (cross) attention; one table serves
    both vocabularies and the head. Biases and norms are left out. Raises ValueError for sizes that
    are no positive integers and heads that do not divide. Source: Vaswani et al. 2017, table 3.
    """
    _positive(layers=layers, vocabulary=vocabulary)
    attention = attention_parameters(width=width, heads=heads)
    feed_forward = ffn_parameters(width=width, hidden=hidden)
    return layers * (3 * attention + 2 * feed_forward) + vocabulary * width
