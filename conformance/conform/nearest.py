"""The nearest right name, for error messages."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


def nearest_name(name: str, candidates: Iterable[str]) -> str | None:
    """The candidate most like `name`, or None when nothing is close; case does not matter."""
    by_folded = {candidate.casefold(): candidate for candidate in candidates}
    found = difflib.get_close_matches(name.casefold(), by_folded, n=1, cutoff=0.6)
    return by_folded[found[0]] if found else None


def nearest(name: str, candidates: Iterable[str]) -> str:
    """`", did you mean 'x'?"` for the candidate most like `name`, or an empty string."""
    found = nearest_name(name, candidates)
    return f", did you mean '{found}'?" if found is not None else ""
