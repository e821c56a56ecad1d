"""Head-major tensors [B, H, L, D] to and from the layout that a target declared."""

from __future__ import annotations

from dataclasses import replace

import torch

from conform.errors import ConformError
from conform.target.declaration import LAYOUTS
from conform.work.protocol import Arg, ArgKey, CallReply, CallRequest, TensorArg


def swap_heads_and_length(tensor: torch.Tensor) -> torch.Tensor:
    """[B, H, L, D] -> [B, L, H, D] and back, as a view."""
    return tensor.transpose(1, 2)


def relaid(arg: TensorArg) -> TensorArg:
    """The same values as [B, L, H, D].

    A contiguous view stays contiguous (its elements move, the margins around it stay where they
    are); any other view is handed over with its strides swapped.
    """
    view = arg.view()
    if not view.is_contiguous() or 0 in arg.shape:
        moved = swap_heads_and_length(view)
        return replace(arg, shape=tuple(moved.shape), strides=tuple(moved.stride()))
    moved = swap_heads_and_length(view).contiguous()
    storage = arg.storage.clone()
    storage[arg.offset : arg.offset + moved.numel()] = moved.reshape(-1)
    return replace(arg, storage=storage, shape=tuple(moved.shape), strides=tuple(moved.stride()))


def to_target_layout(request: CallRequest, layout: str) -> CallRequest:
    """The request with its head-major arguments in the target's `layout`, cotangents too."""
    if layout == "BHLD":
        return request
    if layout not in LAYOUTS:
        raise ConformError(
            "unknown-layout", f"layout={layout!r}", hint=f"use one of {', '.join(LAYOUTS)}"
        )
    args = tuple(_maybe_relaid(key, arg, request) for key, arg in enumerate(request.args))
    options = {key: _maybe_relaid(key, arg, request) for key, arg in request.options.items()}
    cotangents = request.cotangents
    if cotangents is not None:
        cotangents = tuple(
            relaid(c) if index in request.head_major_results else c
            for index, c in enumerate(cotangents)
        )
    return replace(request, args=args, options=options, cotangents=cotangents)


def _maybe_relaid(key: ArgKey, arg: Arg, request: CallRequest) -> Arg:
    if key not in request.head_major or not isinstance(arg, TensorArg):
        return arg
    if len(arg.shape) != 4:
        raise ConformError(
            "head-major-shape", f"argument {key!r} has shape={arg.shape}; head-major ones are 4-D"
        )
    return relaid(arg)


def from_target_layout(request: CallRequest, reply: CallReply, layout: str) -> CallReply:
    """The reply with head-major results and gradients as [B, H, L, D] again.

    A result that is not 4-D stays as it is: its shape is wrong and will be judged so.
    """
    if layout == "BHLD":
        return reply
    results = tuple(
        swap_heads_and_length(result).contiguous()
        if index in request.head_major_results
        and isinstance(result, torch.Tensor)
        and result.dim() == 4
        else result
        for index, result in enumerate(reply.results)
    )
    gradients = {
        key: swap_heads_and_length(gradient).contiguous()
        if gradient is not None and key in request.head_major
        else gradient
        for key, gradient in reply.gradients.items()
    }
    return replace(reply, results=results, gradients=gradients)
