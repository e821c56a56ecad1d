"""Backward turns copies of both halves and joins them again."""

import torch
from _interpreted import tl, triton  # noqa: F401

from conform_kernels.rope import rope as turned

CONFORM = {"promises": ["traffic"], "dtypes": ["float32"]}


class _Rope(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, positions, base):
        ctx.save_for_backward(positions)
        ctx.base = base
        with torch.no_grad():
            return turned(x, positions, base=base)

    @staticmethod
    def backward(ctx, dy):
        (positions,) = ctx.saved_tensors
        first, second = (part.contiguous() for part in dy.chunk(2, -1))
        back = turned(torch.cat([first, -second], -1), positions, base=ctx.base)
        first, second = back.chunk(2, -1)
        return torch.cat([first, -second], -1), None, None


def rope(x, positions, *, base=10000.0):
    return _Rope.apply(x, positions, base)
