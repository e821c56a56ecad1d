"""The derivative of the soft cap takes the capped score for the tanh."""

import math

import torch


def scores(q, k, bias, scale, softcap):
    wide = torch.promote_types(q.dtype, torch.float32)
    keys = k.to(wide).repeat_interleave(q.shape[1] // k.shape[1], dim=1)
    s = q.to(wide) @ keys.mT * scale
    s = s if softcap is None else softcap * torch.tanh(s / softcap)
    return s if bias is None else s + bias.to(wide)


class Attention(torch.autograd.Function):
    @staticmethod
    def forward(ctx, q, k, v, hidden, bias, scale, softcap):
        s = scores(q, k, bias, scale, softcap).masked_fill(hidden, -math.inf)
        lse = torch.logsumexp(s, dim=-1, keepdim=True)
        p = torch.exp(s - lse.masked_fill(torch.isneginf(lse), 0))
        o = p @ v.to(p.dtype).repeat_interleave(q.shape[1] // k.shape[1], dim=1)
        ctx.save_for_backward(q, k, v, hidden, bias, o, lse)
        ctx.scale, ctx.softcap = scale, softcap
        return o.to(q.dtype)

    @staticmethod
    def backward(ctx, do):
        q, k, v, hidden, bias, o, lse = ctx.saved_tensors
        kv, group = k.shape[1], q.shape[1] // k.shape[1]
        s = scores(q, k, bias, ctx.scale, ctx.softcap)
        p = torch.exp(s - lse.masked_fill(torch.isneginf(lse), math.inf)).masked_fill(hidden, 0)
        do = do.to(p.dtype)
        keys, values = (x.to(p.dtype).repeat_interleave(group, dim=1) for x in (k, v))
        ds = p * (do @ values.mT - (do * o).sum(-1, keepdim=True))
        db = None if bias is None else ds.sum_to_size(bias.shape).to(bias.dtype)
        if ctx.softcap is not None:
            raw = scores(q, k, None, ctx.scale, ctx.softcap)
            ds = ds * (1 - torch.tanh(raw) ** 2)
        dq = ds @ keys * ctx.scale
        dk = (ds.mT @ q.to(p.dtype) * ctx.scale).unflatten(1, (kv, -1)).sum(2)
        dv = (p.mT @ do).unflatten(1, (kv, -1)).sum(2)
        return dq.to(q.dtype), dk.to(k.dtype), dv.to(v.dtype), None, db, None, None


def attention(q, k, v, *, causal=False, mask=None, bias=None, scale=None, softcap=None):
    lq, lk = q.shape[2], k.shape[2]
    hidden = torch.ones(lq, lk, dtype=torch.bool).triu(1 + lk - lq) & causal
    hidden = hidden if mask is None else hidden | ~mask
    scale = q.shape[3] ** -0.5 if scale is None else scale
    return Attention.apply(q, k, v, hidden, bias, scale, softcap)
