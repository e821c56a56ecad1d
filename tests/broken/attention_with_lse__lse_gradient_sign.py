"""The gradient of the log-sum-exp is subtracted from delta's negative with the wrong sign."""

import math

import torch


class Attention(torch.autograd.Function):
    @staticmethod
    def forward(ctx, q, k, v, hidden, scale):
        wide = torch.promote_types(q.dtype, torch.float32)
        s = (q.to(wide) @ k.to(wide).mT * scale).masked_fill(hidden, -math.inf)
        lse = torch.logsumexp(s, dim=-1)
        p = torch.exp(s - lse.masked_fill(torch.isneginf(lse), 0)[..., None])
        o = p @ v.to(wide)
        ctx.save_for_backward(q, k, v, p, o)
        ctx.scale = scale
        return o.to(q.dtype), lse

    @staticmethod
    def backward(ctx, do, dlse):
        q, k, v, p, o = ctx.saved_tensors
        do = do.to(p.dtype)
        delta = (do * o).sum(-1, keepdim=True) + dlse.to(p.dtype)[..., None]
        ds = p * (do @ v.to(p.dtype).mT - delta)
        dq, dk = ds @ k.to(p.dtype) * ctx.scale, ds.mT @ q.to(p.dtype) * ctx.scale
        return dq.to(q.dtype), dk.to(k.dtype), (p.mT @ do).to(v.dtype), None, None


def attention_with_lse(q, k, v, *, causal=False, mask=None, scale=None):
    group = q.shape[1] // k.shape[1]
    k, v = k.repeat_interleave(group, dim=1), v.repeat_interleave(group, dim=1)
    lq, lk = q.shape[2], k.shape[2]
    hidden = torch.ones(lq, lk, dtype=torch.bool).triu(1 + lk - lq) & causal
    hidden = hidden if mask is None else hidden | ~mask
    return Attention.apply(q, k, v, hidden, q.shape[3] ** -0.5 if scale is None else scale)
