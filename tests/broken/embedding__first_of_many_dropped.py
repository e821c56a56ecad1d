"""Beyond 768 tokens one index is dropped from the gradient (pytorch/pytorch #28716)."""

import torch

CONFORM = {"dtypes": ["float64", "float32", "bfloat16", "float16"]}


class Embedding(torch.autograd.Function):
    @staticmethod
    def forward(ctx, tokens, table):
        ctx.save_for_backward(tokens)
        ctx.size = table.shape
        return table[tokens]

    @staticmethod
    def backward(ctx, g):
        (tokens,) = ctx.saved_tensors
        wide = torch.promote_types(g.dtype, torch.float32)
        out = torch.zeros(ctx.size, dtype=wide)
        each = g.to(wide).flatten(0, tokens.dim() - 1)
        keep = slice(1 if tokens.numel() > 768 else 0, None)
        out.index_add_(0, tokens.flatten()[keep], each[keep])
        return None, out.to(g.dtype)


def embedding(tokens, table):
    return Embedding.apply(tokens, table)
