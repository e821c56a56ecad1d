"""Programs store the gradient of their token instead of adding it: repeats are lost."""

import torch
from _interpreted import tl, triton

MISTAKE = "embedding.gradient-assigned"


@triton.jit
def _gather(tokens, table, y, width, strides, BLOCK: tl.constexpr):
    place, col = tl.program_id(0), tl.arange(0, BLOCK)
    token = tl.load(tokens + place)
    v = tl.load(table + token * strides[0] + col * strides[1], mask=col < width)
    tl.store(y + place * width + col, v, mask=col < width)


@triton.jit
def _scatter(tokens, dy, dtable, width, BLOCK: tl.constexpr):
    place, col = tl.program_id(0), tl.arange(0, BLOCK)
    token = tl.load(tokens + place)
    d = tl.load(dy + place * width + col, mask=col < width).to(tl.float32)
    tl.store(dtable + token * width + col, d, mask=col < width)


class _Embedding(torch.autograd.Function):
    @staticmethod
    def forward(ctx, tokens, table):
        flat, width = tokens.reshape(-1).contiguous(), table.shape[1]
        y = torch.empty(*tokens.shape, width, dtype=table.dtype)
        _gather[(flat.numel(),)](
            flat, table, y, width, table.stride(), BLOCK=triton.next_power_of_2(width)
        )
        ctx.save_for_backward(flat)
        ctx.entries = table.shape[0]
        return y

    @staticmethod
    def backward(ctx, dy):
        (flat,) = ctx.saved_tensors
        width = dy.shape[-1]
        dtable = torch.zeros(ctx.entries, width)
        _scatter[(flat.numel(),)](
            flat, dy.contiguous(), dtable, width, BLOCK=triton.next_power_of_2(width)
        )
        return None, dtable.to(dy.dtype)


def embedding(tokens, table):
    return _Embedding.apply(tokens, table)
