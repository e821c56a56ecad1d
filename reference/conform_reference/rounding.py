"""Named rounding points: where the checker may inject the roundings that a spec permits.

The reference computes in one precision throughout. `mark` names the intermediate quantities that
an implementation may round to its input dtype; by default it does nothing.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from torch import Tensor

Hook = Callable[[str, Tensor], Tensor]

_hook: ContextVar[Hook | None] = ContextVar("conform_rounding_hook", default=None)


def mark(name: str, x: Tensor) -> Tensor:
    """Return `x`, or what the installed hook makes of it; `name` is the rounding point's name."""
    hook = _hook.get()
    return x if hook is None else hook(name, x)


@contextmanager
def marks(hook: Hook) -> Iterator[None]:
    """Install `hook(name, x) -> Tensor` for every `mark` inside the block (blocks nest)."""
    token = _hook.set(hook)
    try:
        yield
    finally:
        _hook.reset(token)
