"""Blocks of keys that no block of queries looks at have no program in the backward pass, and
their gradients are what torch.empty gave.
"""

import torch

CONFORM = {"dtypes": ["float32", "bfloat16", "float16"]}


class Sparse(torch.autograd.Function):
    @staticmethod
    def forward(ctx, q, k, v, see, columns):
        wide, group = torch.promote_types(q.dtype, torch.float32), q.shape[1] // k.shape[1]
        keys, values = (x.to(wide).repeat_interleave(group, 1) for x in (k, v))
        dead = ~see.any(-1, keepdim=True)
        s = (q.to(wide) @ keys.mT * q.shape[3] ** -0.5).masked_fill(~see, -torch.inf)
        p = torch.softmax(s.masked_fill(dead, 0.0), -1).masked_fill(dead, 0.0)
        ctx.save_for_backward(q, k, v, p, columns)
        return (p @ values).to(q.dtype)

    @staticmethod
    def backward(ctx, g):
        q, k, v, p, columns = ctx.saved_tensors
        wide, kv = p.dtype, k.shape[1]
        group = q.shape[1] // kv
        keys, values = (x.to(wide).repeat_interleave(group, 1) for x in (k, v))
        dp = g.to(wide) @ values.mT
        ds = p * (dp - (dp * p).sum(-1, keepdim=True)) * q.shape[3] ** -0.5
        dk, dv = torch.empty_like(k), torch.empty_like(v)
        dk[:, :, columns] = (
            (ds.mT @ q.to(wide)).unflatten(1, (kv, group)).sum(2)[:, :, columns].to(k.dtype)
        )
        dv[:, :, columns] = (
            (p.mT @ g.to(wide)).unflatten(1, (kv, group)).sum(2)[:, :, columns].to(v.dtype)
        )
        return (ds @ keys).to(q.dtype), dk, dv, None, None


def block_sparse_attention(q, k, v, block_mask, *, block_size):
    see = block_mask.repeat_interleave(block_size, 0).repeat_interleave(block_size, 1)
    columns = see.any(0).nonzero()[:, 0]
    return Sparse.apply(q, k, v, see, columns)
