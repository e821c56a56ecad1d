"""What the parent asks of a worker, and what it gets back: records of tensors and numbers."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from typing import Literal

import torch

from conform.errors import ConformError
from conform.measure.record import Measurement

ArgKey = int | str
"""An argument's name on the wire: its position, or the option's contract name."""

Scalar = int | float | bool | str | None | tuple[int, ...]

Apart = Literal["", "apart", "straight"]  # in which other ways a call is pulled back


@dataclass(frozen=True, eq=False)
class TensorArg:
    """A view into a buffer that travels whole, so that what lies around the view is watched too.

    `storage` is 1-D, contiguous, on the CPU, of dtype `dtype`; `offset` and `strides` count
    elements. Arguments built on the very same storage object share memory in the worker as well.
    """

    storage: torch.Tensor
    shape: tuple[int, ...]
    strides: tuple[int, ...]
    offset: int
    dtype: torch.dtype

    def __post_init__(self) -> None:
        storage = self.storage
        if storage.dim() != 1 or not storage.is_contiguous() or storage.device.type != "cpu":
            raise ConformError(
                "tensor-arg-storage",
                f"storage has shape={tuple(storage.shape)} on device={storage.device}; expected a "
                "contiguous 1-D CPU tensor",
            )
        if storage.dtype != self.dtype:
            raise ConformError(
                "tensor-arg-dtype", f"storage has dtype={storage.dtype}, the view {self.dtype}"
            )
        if not self._fits():
            raise ConformError(
                "tensor-arg-bounds",
                f"view shape={self.shape} strides={self.strides} offset={self.offset} leaves its "
                f"storage of {storage.numel()} elements",
            )

    def _fits(self) -> bool:
        if len(self.shape) != len(self.strides) or self.offset < 0:
            return False
        if 0 in self.shape:
            return True
        last = self.offset + sum((n - 1) * s for n, s in zip(self.shape, self.strides, strict=True))
        return last < self.storage.numel()

    @classmethod
    def of(cls, tensor: torch.Tensor) -> TensorArg:
        """A contiguous copy of `tensor` without margins."""
        storage = tensor.detach().cpu().contiguous().reshape(-1).clone()
        strides = torch.empty(tensor.shape, device="meta").stride()
        return cls(storage, tuple(tensor.shape), tuple(strides), 0, tensor.dtype)

    def view(self) -> torch.Tensor:
        """The tensor that is meant, sharing memory with `storage`."""
        return self.storage.as_strided(self.shape, self.strides, self.offset)


@dataclass(frozen=True)
class ScalarArg:
    """A plain value: number, flag, name, None, or a tuple of integers."""

    value: Scalar


@dataclass(frozen=True)
class CallableArg:
    """A named callable on [..., width], built in the worker by `conform.work.callables`."""

    name: str
    width: int
    seed: int


@dataclass(frozen=True)
class NamedArg:
    """An iterable of (name, tensor), as `named_parameters()` gives; the tensors are small zeros."""

    names: tuple[str, ...]


Arg = TensorArg | ScalarArg | CallableArg | NamedArg


@dataclass(frozen=True, eq=False)
class CallRequest:
    """One call of an operator of the target.

    `wrt` names the tensors to differentiate; then the worker also pulls back `cotangents`, one for
    each floating-point result in order (None: ones, the gradient of the sum). `repeat` calls again
    on the same memory and compares. Arguments and results listed as head-major are [B, H, L, D]
    here and are handed over in the layout that the target declared. `measure` meters the call
    (and the way back); `order` makes it once more with the programs of its kernels in reverse.
    `no_grad` makes it with gradients switched off; `apart` pulls back in other ways, too: to each
    of `wrt` alone and the like, or with contiguous arguments (`straight`).
    `unfit`: arguments may not fit each other; interpreted kernels are kept within their tensors.
    `reversible` lists integers and booleans that are as legal in reverse (tokens, masks), and
    `offsets` those that rise from zero, as they would by the same steps in reverse.
    `renewing`: of which floats a repeated call gets other values: all, or every second one.
    """

    operator: str
    args: tuple[Arg, ...]
    options: dict[str, Arg] = field(default_factory=dict)
    wrt: tuple[ArgKey, ...] = ()
    cotangents: tuple[TensorArg, ...] | None = None
    repeat: bool = False
    head_major: tuple[ArgKey, ...] = ()
    head_major_results: tuple[int, ...] = ()
    measure: bool = False
    order: bool = False
    no_grad: bool = False
    apart: Apart = ""
    unfit: bool = False
    reversible: tuple[ArgKey, ...] = ()
    offsets: tuple[ArgKey, ...] = ()
    renewing: Literal["all", "first", "second"] = "all"

    def named_args(self) -> dict[ArgKey, Arg]:
        """All arguments by key, positions first."""
        named: dict[ArgKey, Arg] = dict(enumerate(self.args))
        named.update(self.options)
        return named


class ReplyOutcome(Enum):
    """How a call ended."""

    RETURNED = "returned"
    REFUSED = "refused"  # raised NotImplementedError
    RAISED = "raised"
    CRASHED = "crashed"  # the process died
    TIMED_OUT = "timed-out"
    MALFORMED = "malformed"  # returned something that is no tensor, number or flat tuple of them


@dataclass(frozen=True)
class ExceptionInfo:
    """An exception of the target; `traceback` holds the user's frames only.

    `stage` is "call" or "backward".
    """

    type: str
    message: str
    traceback: str = ""
    stage: str = "call"


@dataclass(frozen=True)
class ResultInfo:
    """What a result was like before it was copied into a plain contiguous CPU tensor."""

    type: str  # class name: Tensor, Parameter, MaskedTensor, float, ...
    device: str = ""
    strides: tuple[int, ...] = ()
    requires_grad: bool = False

    @property
    def plain(self) -> bool:
        """Whether it was a tensor without behaviour of its own, or a plain Python number.

        A Parameter differs from a Tensor in nothing but its place in a module, and functions that
        make weights return it.
        """
        return self.type in {"Tensor", "Parameter", "int", "float", "bool", "set", "frozenset"}


@dataclass(frozen=True)
class Effects:
    """What a call did besides returning. Counts are of elements whose bits changed.

    `mutated` counts inside an argument's view, `margins_written` outside every view of its buffer,
    `version_changed` lists arguments whose autograd version moved, `aliases` those whose buffer a
    result shares. `kept` (only with `repeat`): the first result survived a call with other values;
    `renewed`: those other values, written into the first call's memory, were seen there.
    `cotangents_changed` counts in what was pulled back. `apart` (only with that): what is
    wrong when gradients are asked for one by one, or nothing, `again` when one graph is gone back
    twice, and `straight` when the arguments are contiguous.
    """

    mutated: dict[ArgKey, int] = field(default_factory=dict)
    margins_written: dict[ArgKey, int] = field(default_factory=dict)
    state_changed: tuple[str, ...] = ()
    version_changed: tuple[ArgKey, ...] = ()
    aliases: tuple[ArgKey, ...] = ()
    kept: bool | None = None
    renewed: bool | None = None
    cotangents_changed: int = 0
    apart: str = ""
    again: str = ""
    straight: str = ""


Result = torch.Tensor | int | float | bool | frozenset[str]


@dataclass(frozen=True, eq=False)
class CallReply:
    """The answer to a CallRequest.

    `results` are plain contiguous CPU copies; `is_tuple` tells (x,) from x. `gradients` has every
    key of `wrt`, None where none flows; `differentiable` is None unless asked. `previous_changed`:
    this call changed the result of the call before. `repeat_changed`: differing elements of each
    result of the repeated call. `seconds` is the time inside the target. `log_tail` is the end of
    what it printed. `measured` is what the meter says, or `unmeasured` why it says nothing.
    """

    outcome: ReplyOutcome
    results: tuple[Result, ...] = ()
    result_infos: tuple[ResultInfo, ...] = ()
    is_tuple: bool = False
    result_note: str = ""
    gradients: dict[ArgKey, torch.Tensor | None] = field(default_factory=dict)
    differentiable: bool | None = None
    exception: ExceptionInfo | None = None
    effects: Effects = field(default_factory=Effects)
    previous_changed: bool = False
    repeat_changed: tuple[int, ...] | None = None
    seconds: float = 0.0
    measured: Measurement | None = None
    unmeasured: str = ""
    log_tail: str = ""
    printed_bytes: int = 0
