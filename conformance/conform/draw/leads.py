"""Other leading dims than the drawn ones, where a contract writes `...`: none, one, one more."""

from __future__ import annotations

from math import prod

from conform.draw.case import Source

LEADS = ("none", "one", "more")
USUAL_LEADS = ("one",)  # tokens without a batch everybody has
MORE = 2  # the size of a leading dim that is added


def with_leads(source: Source, leading: tuple[str, ...], leads: str) -> Source:
    """The tensor with its leading dims left out, joined into one, or with one more before them.

    `leading` are the symbols that stand for the contract's `...`; who does not begin with them is
    returned as it is, and so is everyone where `leads` is empty.
    """
    count = len(leading)
    if not leads or source.is_callable or source.symbols[:count] != leading:
        return source
    own, rest = source.shape[:count], source.shape[count:]
    shape = {"none": (), "one": (prod(own),), "more": (MORE, *own)}[leads]
    kept = {"none": (), "one": ("",), "more": ("", *leading)}[leads]
    return Source(
        **{**source.__dict__, "shape": (*shape, *rest), "symbols": (*kept, *source.symbols[count:])}
    )
