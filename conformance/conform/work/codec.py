"""Requests and replies as JSON headers with their tensors in an arena."""

from __future__ import annotations

from typing import Any

import torch

from conform.measure.record import Measurement
from conform.work.arena import Arena
from conform.work.protocol import (
    Arg,
    ArgKey,
    CallableArg,
    CallReply,
    CallRequest,
    Effects,
    ExceptionInfo,
    NamedArg,
    ReplyOutcome,
    Result,
    ResultInfo,
    ScalarArg,
    TensorArg,
)
from conform.work.wire import Message

Item = list[Any]


def dtype_name(dtype: torch.dtype) -> str:
    """`torch.float32` -> "float32"."""
    return str(dtype).removeprefix("torch.")


def dtype_of(name: str) -> torch.dtype:
    """ "float32" -> `torch.float32`. Raises ValueError for anything that is no dtype."""
    found = getattr(torch, name, None)
    if not isinstance(found, torch.dtype):
        raise ValueError(f"dtype={name!r} is no torch dtype")
    return found


def encode_request(request: CallRequest, arena: Arena) -> Message:
    """The header; buffers go into the arena, each one once."""
    arena.reset()
    buffers: list[Item] = []
    index_of: dict[int, int] = {}
    named = request.named_args()
    header: Message = {
        "op": "call",
        "operator": request.operator,
        "args": [[key, _encode_arg(arg, arena, buffers, index_of)] for key, arg in named.items()],
        "buffers": buffers,
        "wrt": list(request.wrt),
        "repeat": request.repeat,
        "measure": request.measure,
        "order": request.order,
        "no_grad": request.no_grad,
        "apart": request.apart,
        "unfit": request.unfit,
        "reversible": list(request.reversible),
        "offsets": list(request.offsets),
        "renewing": request.renewing,
        "cotangents": None,
    }
    if request.cotangents is not None:
        header["cotangents"] = [
            _encode_arg(c, arena, buffers, index_of) for c in request.cotangents
        ]
    return header


def _encode_arg(arg: Arg, arena: Arena, buffers: list[Item], index_of: dict[int, int]) -> Item:
    if isinstance(arg, TensorArg):
        identity = id(arg.storage)
        if identity not in index_of:
            index_of[identity] = len(buffers)
            storage = arg.storage
            buffers.append([arena.write(storage), storage.numel(), dtype_name(storage.dtype)])
        return ["tensor", index_of[identity], arg.shape, arg.strides, arg.offset]
    if isinstance(arg, CallableArg):
        return ["callable", arg.name, arg.width, arg.seed]
    if isinstance(arg, NamedArg):
        return ["named", list(arg.names)]
    kind = "tuple" if isinstance(arg.value, tuple) else "scalar"
    return [kind, arg.value]


def decode_request(header: Message, arena: Arena) -> CallRequest:
    """The request; its storages are views of the arena, to be copied before a target sees them."""
    buffers = [arena.read(at, count, dtype_of(name)) for at, count, name in header["buffers"]]
    args: list[Arg] = []
    options: dict[str, Arg] = {}
    for key, item in header["args"]:
        arg = _decode_arg(item, buffers)
        if isinstance(key, str):
            options[key] = arg
        else:
            args.append(arg)
    cotangents = header["cotangents"]
    if cotangents is not None:
        cotangents = tuple(_decode_view(item, buffers) for item in cotangents)
    return CallRequest(
        operator=header["operator"],
        args=tuple(args),
        options=options,
        wrt=tuple(header["wrt"]),
        cotangents=cotangents,
        repeat=header["repeat"],
        measure=header["measure"],
        order=header["order"],
        no_grad=header["no_grad"],
        apart=header["apart"],
        unfit=header["unfit"],
        reversible=tuple(header["reversible"]),
        offsets=tuple(header["offsets"]),
        renewing=header["renewing"],
    )


def _decode_arg(item: Item, buffers: list[torch.Tensor]) -> Arg:
    kind = item[0]
    if kind == "tensor":
        return _decode_view(item, buffers)
    if kind == "callable":
        return CallableArg(item[1], item[2], item[3])
    if kind == "named":
        return NamedArg(tuple(item[1]))
    return ScalarArg(tuple(item[1]) if kind == "tuple" else item[1])


def _decode_view(item: Item, buffers: list[torch.Tensor]) -> TensorArg:
    _, index, shape, strides, offset = item
    storage = buffers[index]
    return TensorArg(storage, tuple(shape), tuple(strides), offset, storage.dtype)


def _encode_tensor(tensor: torch.Tensor, arena: Arena) -> Item:
    plain = tensor.detach().cpu().contiguous()
    return [arena.write(plain), dtype_name(plain.dtype), list(plain.shape)]


def _decode_tensor(item: Item, arena: Arena) -> torch.Tensor:
    at, name, shape = item
    count = 1
    for size in shape:
        count *= size
    return arena.read(at, count, dtype_of(name)).view(shape)


def encode_reply(reply: CallReply, arena: Arena) -> Message:
    """The header; result and gradient tensors go into the arena, results first."""
    arena.reset()
    results: list[Any] = [_encode_result(r, arena) for r in reply.results]
    gradients = [
        [key, None if g is None else _encode_tensor(g, arena)] for key, g in reply.gradients.items()
    ]
    effects = reply.effects
    return {
        "outcome": reply.outcome.value,
        "results": results,
        "infos": [vars(info) for info in reply.result_infos],
        "is_tuple": reply.is_tuple,
        "note": reply.result_note,
        "gradients": gradients,
        "differentiable": reply.differentiable,
        "exception": vars(reply.exception) if reply.exception else None,
        "effects": {
            "mutated": list(effects.mutated.items()),
            "margins_written": list(effects.margins_written.items()),
            "state_changed": effects.state_changed,
            "version_changed": effects.version_changed,
            "aliases": effects.aliases,
            "kept": effects.kept,
            "renewed": effects.renewed,
            "cotangents_changed": effects.cotangents_changed,
            "apart": effects.apart,
            "again": effects.again,
            "straight": effects.straight,
        },
        "previous_changed": reply.previous_changed,
        "repeat_changed": reply.repeat_changed,
        "seconds": reply.seconds,
        "measured": reply.measured.to_json() if reply.measured else None,
        "unmeasured": reply.unmeasured,
    }


def _encode_result(result: Result, arena: Arena) -> Any:
    if isinstance(result, torch.Tensor):
        return {"tensor": _encode_tensor(result, arena)}
    return {"names": sorted(result)} if isinstance(result, frozenset) else result


def decode_reply(header: Message, arena: Arena, log_tail: str, printed: int) -> CallReply:
    """The reply with tensors of its own. Malformed: ValueError, KeyError or TypeError."""
    repeat_changed = header["repeat_changed"]
    exception, measured = header["exception"], header["measured"]
    return CallReply(
        outcome=ReplyOutcome(header["outcome"]),
        results=tuple(_decode_result(item, arena) for item in header["results"]),
        result_infos=tuple(_decode_info(info) for info in header["infos"]),
        is_tuple=header["is_tuple"],
        result_note=header["note"],
        gradients=_decode_gradients(header["gradients"], arena),
        differentiable=header["differentiable"],
        exception=ExceptionInfo(**exception) if exception else None,
        effects=_decode_effects(header["effects"]),
        previous_changed=header["previous_changed"],
        repeat_changed=None if repeat_changed is None else tuple(repeat_changed),
        seconds=header["seconds"],
        measured=None if measured is None else Measurement.from_json(measured),
        unmeasured=header["unmeasured"],
        log_tail=log_tail,
        printed_bytes=printed,
    )


def _decode_result(item: Any, arena: Arena) -> Result:
    if isinstance(item, dict) and "names" in item:
        return frozenset(str(name) for name in item["names"])
    if isinstance(item, dict):
        return _decode_tensor(item["tensor"], arena).clone()
    if not isinstance(item, int | float | bool):
        raise ValueError(f"a result of {type(item).__name__}")
    return item


def _decode_gradients(items: list[Item], arena: Arena) -> dict[ArgKey, torch.Tensor | None]:
    return {
        key: None if item is None else _decode_tensor(item, arena).clone() for key, item in items
    }


def _decode_info(info: Message) -> ResultInfo:
    return ResultInfo(info["type"], info["device"], tuple(info["strides"]), info["requires_grad"])


def _decode_effects(record: Message) -> Effects:
    return Effects(
        mutated=dict(record["mutated"]),
        margins_written=dict(record["margins_written"]),
        state_changed=tuple(record["state_changed"]),
        version_changed=tuple(record["version_changed"]),
        aliases=tuple(record["aliases"]),
        kept=record["kept"],
        renewed=record["renewed"],
        cotangents_changed=record["cotangents_changed"],
        apart=record["apart"],
        again=record["again"],
        straight=record["straight"],
    )
