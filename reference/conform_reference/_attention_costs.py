"""What attention costs as a function of the length: operations, memory, and reach."""

from conform_reference import _check

METHODS = ("softmax", "flash", "grouped", "latent", "linear")


def _positive(**sizes: int) -> None:
    for name, value in sizes.items():
        _check.at_least(name, value, 1)


def attention_flops(
    length: int, width: int, *, heads: int = 1, method: str = "softmax", projections: bool = False
) -> int:
    """4 L^2 d for the two products of attention over L tokens of d channels; 4 L d D_h if linear.

    Every multiplication and addition counts one. "flash", "grouped" (and multi-query) and "latent"
    do what "softmax" does here: they save memory traffic or cache, not operations. Only "linear" is
    linear in L: state and read-out cost 2 D_h^2 each for a token and a head, D_h = d / heads.
    `projections` adds 8 L d^2 for queries, keys, values and output of full multi-head attention.
    Raises ValueError for sizes that are no positive integers, heads that do not divide, or an
    unknown method. Source: CMU and MIT decks; arXiv:2006.16236 for the linear form.
    """
    _positive(length=length, width=width, heads=heads)
    _check.divides("heads", heads, "width", width)
    if method not in METHODS:
        raise ValueError(f"method={method!r}: expected one of {', '.join(METHODS)}")
    inner = width // heads if method == "linear" else length
    return 4 * length * width * inner + (8 * length * width * width if projections else 0)


def attention_flops_share(length: int, width: int) -> float:
    """N / (6 d + N): the share of the two products of attention in a block with d_ff = 4 d.

    4 N^2 d of 24 N d^2 + 4 N^2 d. Raises ValueError for sizes that are no positive integers.
    """
    _positive(length=length, width=width)
    return length / (6 * width + length)


def attention_matrix_bytes(*, heads: int, length: int, bytes_per_element: int = 2) -> int:
    """H N^2 numbers: one layer's weights for one sequence, where they are materialised.

    Raises ValueError for sizes that are no positive integers.
    """
    _positive(heads=heads, length=length, bytes_per_element=bytes_per_element)
    return heads * length * length * bytes_per_element


def effective_context(layers: int, window: int) -> int:
    """layers (window - 1) + 1: the tokens that the last output of a windowed stack depends on.

    The window counts the own position. Raises ValueError for sizes that are no positive integers.
    Source: Mistral 7B, arXiv:2310.06825, section 2, whose W L is nominal.
    """
    _positive(layers=layers, window=window)
    return layers * (window - 1) + 1
