"""What libraries do differently in DoRA, as settings that only the conventions change."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, replace
from typing import Any


@dataclass(frozen=True)
class Settings:
    """dora_norm: per_output | per_input; dora_gradient: either | exact | detached;
    dora_norm_eps: what is added to the norm.

    `either` promises neither gradient of the norm; the oracle's is then the exact one.
    """

    dora_norm: str = "per_output"
    dora_gradient: str = "either"
    dora_norm_eps: float = 0.0


_CONTRACT = Settings()
_settings: ContextVar[Settings] = ContextVar("conform_lora_settings", default=_CONTRACT)


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
