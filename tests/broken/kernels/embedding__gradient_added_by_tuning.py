"""A tuned kernel adds to the gradient and nothing resets it: its trial run counts as well."""

import torch
from _interpreted import tl, triton


@triton.jit
def _forward(tokens, table, y, width, ts, rs, cs, BLOCK: tl.constexpr):
    row, col = tl.program_id(0), tl.program_id(1) * BLOCK + tl.arange(0, BLOCK)
    token = tl.load(tokens + row * ts).to(tl.int64)
    v = tl.load(table + token * rs + col * cs, mask=col < width)
    tl.store(y + row * width + col, v, mask=col < width)


@triton.autotune([triton.Config({"BLOCK": 32}), triton.Config({"BLOCK": 64})], key=["width"])
@triton.jit
def _backward(tokens, dy, grad, width, ts, BLOCK: tl.constexpr):
    row, col = tl.program_id(0), tl.program_id(1) * BLOCK + tl.arange(0, BLOCK)
    token = tl.load(tokens + row * ts).to(tl.int64)
    d = tl.load(dy + row * width + col, mask=col < width, other=0.0).to(tl.float32)
    tl.atomic_add(grad + token * width + col, d, mask=col < width)


class _Embedding(torch.autograd.Function):
    @staticmethod
    def forward(ctx, tokens, table):
        flat, width = tokens.reshape(-1), table.shape[1]
        y = torch.empty(*tokens.shape, width, dtype=table.dtype)
        if y.numel():
            _forward[(flat.numel(), triton.cdiv(width, 32))](
                flat, table, y, width, flat.stride(0), *table.stride(), BLOCK=32
            )
        ctx.save_for_backward(tokens)
        ctx.size = table.shape, table.dtype
        return y

    @staticmethod
    def backward(ctx, dy):
        (tokens,), (shape, dtype) = ctx.saved_tensors, ctx.size
        flat, grad = tokens.reshape(-1), torch.zeros(shape)
        if dy.numel():
            _backward[lambda meta: (flat.numel(), triton.cdiv(shape[1], meta["BLOCK"]))](
                flat, dy.contiguous(), grad, shape[1], flat.stride(0)
            )
        return None, grad.to(dtype)


def embedding(tokens, table):
    return _Embedding.apply(tokens, table)
