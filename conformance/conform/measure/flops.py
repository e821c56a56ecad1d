"""Floating-point operations of eager matrix products: two for each multiply and add.

Elementwise work is not counted, neither here nor in kernels. (torch.utils.flop_counter has a larger
table, but lacks the CPU's fused attention, and importing it imports triton.)
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import torch

Formula = Callable[[Sequence[Any], torch.Tensor], int]


def _product(left: int) -> Formula:
    """result = ... + args[left] @ args[left + 1]: the summed size is the left one's last."""
    return lambda args, out: 2 * out.numel() * int(args[left].shape[-1])


def _convolution(args: Sequence[Any], out: torch.Tensor) -> int:
    x, weight, transposed = args[0], args[1], bool(args[6])
    outputs = x if transposed else out
    per_output = math.prod(weight.shape[1:])
    return int(2 * outputs.numel() * per_output)


def _convolution_backward(args: Sequence[Any], out: torch.Tensor) -> int:
    grad, x, weight, transposed, wanted = args[0], args[1], args[2], bool(args[7]), args[10]
    outputs = x if transposed else grad
    wanted_both = sum(map(bool, wanted[:2]))
    return int(2 * outputs.numel() * math.prod(weight.shape[1:]) * wanted_both)


def _attention(products: int) -> Formula:
    """Fused attention of q[B,H,Lq,D], k, v[B,H,Lk,Dv]: `products` products of each width."""

    def count(args: Sequence[Any], out: torch.Tensor) -> int:
        q, k, v = args[:3]
        rows = math.prod(q.shape[:-1])
        widths = (products - products // 2) * q.shape[-1] + products // 2 * v.shape[-1]
        return int(2 * rows * k.shape[-2] * widths)

    return count


def _attention_backward(args: Sequence[Any], out: torch.Tensor) -> int:
    # Scores again, dP and dV over the values' width, dQ and dK over the keys'.
    return _attention(5)(args[1:], out)


_FORMULAS: dict[str, Formula] = {
    "aten::mm": _product(0),
    "aten::bmm": _product(0),
    "aten::mv": _product(0),
    "aten::dot": _product(0),
    "aten::addmm": _product(1),
    "aten::baddbmm": _product(1),
    "aten::addmv": _product(1),
    "aten::addbmm": lambda args, out: 2 * math.prod(args[1].shape) * int(args[2].shape[-1]),
    "aten::convolution": _convolution,
    "aten::convolution_backward": _convolution_backward,
    "aten::_scaled_dot_product_flash_attention_for_cpu": _attention(2),
    "aten::_scaled_dot_product_flash_attention_for_cpu_backward": _attention_backward,
}


def eager_flops(name: str, args: Sequence[Any], outputs: Sequence[torch.Tensor]) -> int:
    """Floating-point operations of one aten operation; 0 where it is no matrix product."""
    formula = _FORMULAS.get(name)
    return formula(args, outputs[0]) if formula is not None and outputs else 0
