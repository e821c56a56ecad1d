"""Named rounding points and decisions: where the checker may reach into the reference.

The reference computes in one precision throughout. `mark` names the intermediate quantities that
an implementation may round to its input dtype; `decide` names its discrete choices. By default
they change nothing.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

import torch
from torch import Tensor

Hook = Callable[[str, Tensor], Tensor]

_hook: ContextVar[Hook | None] = ContextVar("conform_rounding_hook", default=None)


def mark(name: str, x: Tensor) -> Tensor:
    """Return `x`, or what the installed hook makes of it; `name` is the rounding point's name."""
    hook = _hook.get()
    return x if hook is None else hook(name, x)


def injected() -> bool:
    """Whether a hook is installed, that is, whether roundoff may be injected."""
    return _hook.get() is not None


def another_order(x: Tensor, again: Callable[[], Tensor]) -> Tensor:
    """`x`, with the roundoff of another order of evaluation besides, where roundoff is injected.

    `again()` evaluates the same quantity in that order; of its two results only the difference
    counts, which is nothing but roundoff, forward and backward.
    """
    if not injected():
        return x
    return x + (again() - again()) * 0.5**0.5


def use_by_use(x: Tensor, uses: int) -> Tensor:
    """`x` repeated along a new first dim: its gradient may be added up over the uses one by one,
    in the dtype of `x`, as autograd does where `x` is used in a loop."""
    rows = mark("backward.sum.uses", x.flatten().expand(uses, -1))
    return rows.reshape(uses, *x.shape)


DOUBT = "doubt"


def unless_doubtful(x: Tensor, doubtful: Tensor) -> Tensor:
    """`x`; where a bound is evaluated, NaN in its place if `doubtful`: nothing can be said there,
    and of no gradient that flows back from there.

    (The hook tells: at the mark `DOUBT` one that evaluates bounds makes NaN of what is not zero.)
    """
    told = mark(DOUBT, doubtful.to(x.dtype))
    return torch.where(torch.isnan(told), told * x, x)


EITHER = "either"


def either_way(x: Tensor) -> Tensor:
    """`x`; where a bound is evaluated, with either sign, which another sample turns over.

    For what some implementations lose and others do not: added with one sign only, it would cancel
    what all of them lose, in places. (The hook tells: at the mark `EITHER` it turns a one over.)
    """
    return x * mark(EITHER, x.new_ones(()))


@contextmanager
def marks(hook: Hook) -> Iterator[None]:
    """Install `hook(name, x) -> Tensor` for every `mark` inside the block (blocks nest)."""
    token = _hook.set(hook)
    try:
        yield
    finally:
        _hook.reset(token)


Decider = Callable[[str, Tensor, int, bool], Tensor]

_decider: ContextVar[Decider | None] = ContextVar("conform_decider", default=None)


def best(scores: Tensor, count: int) -> Tensor:
    """Indices int64[..., count] of the largest of scores[..., N], falling; ties to the first."""
    return torch.sort(scores, dim=-1, descending=True, stable=True).indices[..., :count]


def decide(name: str, scores: Tensor, count: int = 1, *, ordered: bool = True) -> Tensor:
    """The `count` best of scores[..., N] -> int64[..., count], best first, as an open decision.

    Every top-k, argmax or nearest neighbour of the reference goes through here, so that the checker
    can judge it by margin: a choice whose score is within roundoff of the best is as right.
    `name` ties the decision to the result that reports it (`decision:` in the spec); where the
    order among the `count` changes nothing, it is not `ordered`.
    """
    decider = _decider.get()
    return best(scores, count) if decider is None else decider(name, scores, count, ordered)


@contextmanager
def deciding(decider: Decider | None) -> Iterator[None]:
    """Install `decider(name, scores, count, ordered)` for every `decide` inside; None: `best`."""
    token = _decider.set(decider)
    try:
        yield
    finally:
        _decider.reset(token)
