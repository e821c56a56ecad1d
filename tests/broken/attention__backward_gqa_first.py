"""Gradients of shared keys and values come from the first query head of the group only."""

import math

import torch


def probabilities(q, k, hidden, bias, scale):
    wide = torch.promote_types(q.dtype, torch.float32)
    keys = k.to(wide).repeat_interleave(q.shape[1] // k.shape[1], dim=1)
    s = q.to(wide) @ keys.mT * scale
    s = (s if bias is None else s + bias).masked_fill(hidden, -math.inf)
    p = torch.exp(s - s.amax(-1, keepdim=True).clamp(min=torch.finfo(wide).min))
    total = p.sum(-1, keepdim=True)
    return p / total.masked_fill(total == 0, 1), keys


class Attention(torch.autograd.Function):
    @staticmethod
    def forward(ctx, q, k, v, hidden, bias, scale):
        p, _ = probabilities(q, k, hidden, bias, scale)
        o = p @ v.to(p.dtype).repeat_interleave(q.shape[1] // k.shape[1], dim=1)
        ctx.save_for_backward(q, k, v, hidden, bias, o)
        ctx.scale = scale
        return o.to(q.dtype)

    @staticmethod
    def backward(ctx, do):
        q, k, v, hidden, bias, o = ctx.saved_tensors
        p, keys = probabilities(q, k, hidden, bias, ctx.scale)
        do, kv = do.to(p.dtype), k.shape[1]
        values = v.to(p.dtype).repeat_interleave(q.shape[1] // kv, dim=1)
        delta = (do * o).sum(-1, keepdim=True)
        ds = p * (do @ values.mT - delta)
        dq = ds @ keys * ctx.scale
        dk = ds.mT @ q.to(p.dtype) * ctx.scale
        dv = p.mT @ do
        dk, dv = (x.unflatten(1, (kv, -1))[:, :, 0] for x in (dk, dv))
        db = None if bias is None else ds.sum_to_size(bias.shape).to(bias.dtype)
        return dq.to(q.dtype), dk.to(k.dtype), dv.to(v.dtype), None, db, None


def attention(q, k, v, *, causal=False, mask=None, bias=None, scale=None):
    lq, lk = q.shape[2], k.shape[2]
    hidden = torch.ones(lq, lk, dtype=torch.bool).triu(1 + lk - lq) & causal
    hidden = hidden if mask is None else hidden | ~mask
    return Attention.apply(q, k, v, hidden, bias, q.shape[3] ** -0.5 if scale is None else scale)
