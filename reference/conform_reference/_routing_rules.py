"""What respectable mixture-of-experts libraries do differently, as settings of the reference.

The defaults are the contract's. Only `conform_reference.conventions` changes them.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, replace
from typing import Any


@dataclass(frozen=True)
class Rules:
    """counts: tokens | assignments; rounding: ceil | floor; order: choice_major | token_major;
    renormalize: whether the weights of a token's experts are divided by their sum."""

    counts: str = "tokens"
    rounding: str = "ceil"
    order: str = "choice_major"
    renormalize: bool = False


_CONTRACT = Rules()
_rules: ContextVar[Rules] = ContextVar("conform_routing_rules", default=_CONTRACT)


def rules() -> Rules:
    """The rules in force."""
    return _rules.get()


@contextmanager
def using(**changes: Any) -> Iterator[None]:
    """Change rules inside the block; an unknown name is a TypeError."""
    token = _rules.set(replace(_rules.get(), **changes))
    try:
        yield
    finally:
        _rules.reset(token)
