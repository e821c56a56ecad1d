"""A client that calls plain functions in this process: for mistakes, calibration and tests."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

import torch

from conform.run.material import Sublayer
from conform.work.gradients import pulled_back
from conform.work.named import stream
from conform.work.protocol import (
    Arg,
    CallableArg,
    CallReply,
    CallRequest,
    ExceptionInfo,
    NamedArg,
    ReplyOutcome,
    ResultInfo,
    ScalarArg,
    TensorArg,
)  # fmt: skip

Function = Callable[..., Any]


class LocalClient:
    """Answers requests from a table of functions; no isolation, no effects observed."""

    def __init__(self, functions: Mapping[str, Function]) -> None:
        self.functions = functions

    def call(self, request: CallRequest, timeout: float | None = None) -> CallReply:
        """The reply of a direct call."""
        started = time.monotonic()
        function = self.functions[request.operator]
        named = {key: _value(arg) for key, arg in request.named_args().items()}
        try:
            for key in request.wrt:
                named[key] = named[key].detach().clone().requires_grad_(True)
            args = [named[i] for i in range(len(request.args))]
            options = {k: v for k, v in named.items() if isinstance(k, str)}
            with torch.set_grad_enabled(bool(request.wrt)):  # also inside a backward pass
                raw = function(*args, **options)
                raw = frozenset(raw) if isinstance(raw, set) else raw
                results = tuple(raw) if isinstance(raw, (tuple, list)) else (raw,)
                gradients, differentiable = _pull(request, results, named)
        except NotImplementedError as error:
            return CallReply(ReplyOutcome.REFUSED, exception=_info(error))
        except Exception as error:  # noqa: BLE001 - whatever a target raises is a verdict
            return CallReply(ReplyOutcome.RAISED, exception=_info(error))
        return CallReply(
            ReplyOutcome.RETURNED,
            tuple(r.detach() if isinstance(r, torch.Tensor) else r for r in results),
            tuple(ResultInfo(type(r).__name__) for r in results),
            isinstance(raw, (tuple, list)),
            gradients=gradients,
            differentiable=differentiable,
            repeat_changed=tuple(0 for _ in results) if request.repeat else None,
            seconds=time.monotonic() - started,
        )


def _value(arg: Arg) -> Any:
    if isinstance(arg, TensorArg):
        return arg.view()
    if isinstance(arg, CallableArg):
        return Sublayer(arg.name, arg.width, arg.seed)
    if isinstance(arg, NamedArg):
        return stream(arg)
    return arg.value if isinstance(arg, ScalarArg) else arg


def _info(error: Exception) -> ExceptionInfo:
    return ExceptionInfo(type(error).__name__, str(error))


def _pull(
    request: CallRequest, results: tuple[Any, ...], named: dict[int | str, Any]
) -> tuple[dict[int | str, torch.Tensor | None], bool | None]:
    if not request.wrt:
        return {}, None
    floats = [r for r in results if isinstance(r, torch.Tensor) and r.is_floating_point()]
    if request.cotangents is None:
        cotangents = [torch.ones_like(r) for r in floats]
    else:
        cotangents = [c.view() for c in request.cotangents]
    pairs = [(r, c) for r, c in zip(floats, cotangents, strict=True) if r.requires_grad]
    if not pairs:
        return dict.fromkeys(request.wrt), False
    leaves = [named[key] for key in request.wrt]
    found = pulled_back([r for r, _ in pairs], leaves, [c.to(r.dtype) for r, c in pairs])
    return dict(zip(request.wrt, found, strict=True)), True
