"""What a request passes to the target: its arguments, and what flows back to its results."""

from __future__ import annotations

from typing import Any

import torch

from conform.work.callables import build_callable
from conform.work.memory import ArgumentMemory
from conform.work.named import stream
from conform.work.protocol import ArgKey, CallableArg, CallRequest, NamedArg, ScalarArg
from conform.work.results import MalformedResult


def argument_values(request: CallRequest, memory: ArgumentMemory) -> dict[ArgKey, Any]:
    """What each argument is for the target: views of the memory, callables, streams, numbers."""
    values: dict[ArgKey, Any] = dict(memory.views)
    for key, arg in request.named_args().items():
        if isinstance(arg, CallableArg):
            values[key] = build_callable(arg.name, arg.width, arg.seed)
        elif isinstance(arg, NamedArg):
            values[key] = stream(arg)
        elif isinstance(arg, ScalarArg):
            values[key] = arg.value
    return values


def other_options(request: CallRequest) -> list[dict[ArgKey, Any]]:
    """Other values for the flags among the options, and for the real numbers if there are any."""
    given = {k: arg.value for k, arg in request.options.items() if isinstance(arg, ScalarArg)}
    flags: dict[ArgKey, Any] = {k: not x for k, x in given.items() if isinstance(x, bool)}
    numbers: dict[ArgKey, Any] = {k: x * 0.5 for k, x in given.items() if isinstance(x, float)}
    return [flags, numbers] if numbers else [flags]


def _waves(like: torch.Tensor) -> torch.Tensor:
    """Values of both signs, none of them one; ones would cancel behind a softmax."""
    return torch.cos(torch.arange(1, like.numel() + 1)).to(like).reshape(like.shape)


def usual_cotangent(request: CallRequest, result: torch.Tensor) -> torch.Tensor:
    """What flows back to a floating-point result where the request does not say."""
    return _waves(result) if request.apart else torch.ones_like(result)


def cotangents_of(request: CallRequest, floats: list[torch.Tensor]) -> list[torch.Tensor]:
    """What flows back to each floating-point result; MalformedResult where shapes do not fit."""
    if request.cotangents is None:
        return [usual_cotangent(request, y) for y in floats]
    if len(request.cotangents) != len(floats):
        raise MalformedResult(
            f"returned {len(floats)} floating-point results; expected {len(request.cotangents)}"
        )
    for index, (y, c) in enumerate(zip(floats, request.cotangents, strict=True)):
        if tuple(y.shape) != c.shape:
            raise MalformedResult(
                f"floating-point result {index} has shape={tuple(y.shape)}; expected {c.shape}"
            )
    return [
        c.storage.clone()
        .to(device=y.device, dtype=y.dtype)
        .as_strided(c.shape, c.strides, c.offset)
        for y, c in zip(floats, request.cotangents, strict=True)
    ]
