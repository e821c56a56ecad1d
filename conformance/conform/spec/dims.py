"""Dims read off the arguments of a call."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch

from conform.spec.models import OperatorSpec


def dims_of(
    spec: OperatorSpec, args: tuple[Any, ...], options: Mapping[str, Any]
) -> dict[str, int]:
    """Dims that can be read off the arguments: every plain name in a shape."""
    found: dict[str, int] = {}
    for name, option in (("H", "heads"), ("K", "kv_heads")):
        if options.get(option):
            found[name] = int(options[option])
    for (name, item), value in zip(spec.inputs.items(), args, strict=False):
        if item.scalar is not None:
            found[name] = value
        if item.shape is None or not isinstance(value, torch.Tensor):
            continue
        symbols = [text for text in item.shape if text != "..."]
        for symbol, size in zip(reversed(symbols), reversed(value.shape), strict=False):
            if symbol.isidentifier():
                found.setdefault(symbol, size)
            elif symbol in ("H * D", "K * D") and symbol[0] in found:
                found.setdefault("D", size // found[symbol[0]])
    return found
