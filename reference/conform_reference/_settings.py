"""What respectable libraries do differently, as settings of the attention reference.

The defaults are the contract's. Only `conform_reference.conventions` changes them, so that every
operator, composite ones included, can be asked to follow what a target declares.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, replace
from typing import Any


@dataclass(frozen=True)
class Settings:
    """diagonal: bottom_right | top_left; empty_rows: zero | nan | mean_of_values;
    heads: consecutive | tiled; normaliser_eps: what is added to linear attention's denominator,
    key_sum_eps to each sum of its keys' features."""

    diagonal: str = "bottom_right"
    empty_rows: str = "zero"
    heads: str = "consecutive"
    normaliser_eps: float = 0.0
    key_sum_eps: float = 0.0


_CONTRACT = Settings()
_settings: ContextVar[Settings] = ContextVar("conform_attention_settings", default=_CONTRACT)


def settings() -> Settings:
    """The settings in force."""
    return _settings.get()


@contextmanager
def using(**changes: Any) -> Iterator[None]:
    """Change settings inside the block; an unknown name is a TypeError."""
    token = _settings.set(replace(_settings.get(), **changes))
    try:
        yield
    finally:
        _settings.reset(token)
