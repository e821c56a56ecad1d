"""From what a target returned to plain contiguous CPU tensors and numbers."""

from __future__ import annotations

import numbers
from dataclasses import dataclass
from typing import Any

import torch

from conform.work.protocol import Result, ResultInfo

_MOST_RESULTS = 16
_MOST_BYTES = 4 << 30


class MalformedResult(Exception):
    """The target returned something that is no tensor, number or flat tuple of them."""


@dataclass(frozen=True, eq=False)
class Returned:
    """A target's results: the objects themselves, and what the parent gets."""

    raw: tuple[Any, ...]
    results: tuple[Result, ...]
    infos: tuple[ResultInfo, ...]
    is_tuple: bool
    note: str

    def tensors(self) -> list[torch.Tensor]:
        """The results that are tensors, as the target made them."""
        return [value for value in self.raw if isinstance(value, torch.Tensor)]


def unpack(value: Any) -> Returned:
    """Take a returned value apart. Raises MalformedResult with a note in words."""
    if isinstance(value, set | frozenset) and all(isinstance(item, str) for item in value):
        info = ResultInfo(type(value).__name__)
        return Returned((value,), (frozenset(value),), (info,), False, "")
    is_tuple = isinstance(value, tuple | list)
    raw = tuple(value) if is_tuple else (value,)
    if is_tuple and not 0 < len(raw) <= _MOST_RESULTS:
        raise MalformedResult(f"returned a {type(value).__name__} of {len(raw)}")
    notes = [f"a {type(value).__name__} of {len(raw)}"] if is_tuple else []
    results: list[Result] = []
    infos: list[ResultInfo] = []
    for index, item in enumerate(raw):
        place = f"result {index}" if is_tuple else "result"
        result, info = _convert(item, place, value)
        results.append(result)
        infos.append(info)
        if not info.plain:
            notes.append(f"{place} is a {info.type}, not a plain tensor or number")
    return Returned(raw, tuple(results), tuple(infos), is_tuple, "; ".join(notes))


def _convert(item: Any, place: str, whole: Any) -> tuple[Result, ResultInfo]:
    if isinstance(item, torch.Tensor):
        return _plain_copy(item, place), _tensor_info(item)
    if isinstance(item, bool):
        return item, ResultInfo("bool")
    if isinstance(item, numbers.Integral):
        return int(item), ResultInfo(type(item).__name__)
    if isinstance(item, numbers.Real):
        return float(item), ResultInfo(type(item).__name__)
    if item is whole:
        kind = "None" if item is None else f"a value of type {type(item).__qualname__}"
        raise MalformedResult(f"returned {kind}; expected a tensor, a number or a tuple of them")
    raise MalformedResult(
        f"returned a {type(whole).__name__} of {len(whole)} with {place} of type "
        f"{type(item).__qualname__}; expected tensors or numbers"
    )


def _tensor_info(tensor: torch.Tensor) -> ResultInfo:
    strides = tuple(tensor.stride()) if tensor.layout == torch.strided else ()
    return ResultInfo(type(tensor).__name__, str(tensor.device), strides, tensor.requires_grad)


def _plain_copy(tensor: torch.Tensor, place: str) -> torch.Tensor:
    if tensor.layout != torch.strided or tensor.is_meta or tensor.is_quantized:
        raise MalformedResult(
            f"{place} is a tensor without plain values: layout={tensor.layout} "
            f"device={tensor.device} dtype={tensor.dtype}"
        )
    if tensor.numel() * tensor.element_size() > _MOST_BYTES:
        raise MalformedResult(f"{place} of shape={tuple(tensor.shape)} is over {_MOST_BYTES} bytes")
    return plain_values(tensor)


def plain_values(tensor: torch.Tensor) -> torch.Tensor:
    """The values of any strided tensor as a plain contiguous CPU tensor, a copy only where needed.

    A subclass may override any operation; what is judged are the values underneath.
    """
    if type(tensor) is torch.Tensor and tensor.is_cpu and tensor.is_contiguous():
        plain = tensor.detach()
        if not (plain.is_conj() or plain.is_neg()):
            return _unit_stride(plain)  # by far the most frequent case, and a tenth of the time
    with torch._C.DisableTorchFunctionSubclass(), torch.no_grad():
        plain = tensor.as_subclass(torch.Tensor).detach()
        return _unit_stride(plain.cpu().resolve_conj().resolve_neg().contiguous())


def _unit_stride(x: torch.Tensor) -> torch.Tensor:
    """A contiguous tensor may still step by more than one along a dim of size one."""
    if x.dim() and x.stride(-1) != 1:
        return x.clone(memory_format=torch.contiguous_format)
    return x
