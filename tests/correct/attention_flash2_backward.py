"""Hand-written forward and backward in the manner of FlashAttention-2: P recomputed from the
log-sum-exp, Delta = rowsum(dO * O), P and dS rounded to the input dtype before each product."""

import math

import torch

CONFORM = {"dtypes": ["float64", "float32", "bfloat16"]}


def scores(q, k, hidden, scale, wide):
    keys = k.repeat_interleave(q.shape[1] // k.shape[1], dim=1).to(wide)
    return (q.to(wide) @ keys.mT * scale).masked_fill(hidden, -math.inf), keys


class Flash(torch.autograd.Function):
    @staticmethod
    def forward(ctx, q, k, v, hidden, scale):
        wide = torch.promote_types(q.dtype, torch.float32)
        s, _ = scores(q, k, hidden, scale, wide)
        top = s.amax(-1, keepdim=True).clamp(min=torch.finfo(wide).min)
        p = torch.exp(s - top)
        total = p.sum(-1, keepdim=True)
        values = v.repeat_interleave(q.shape[1] // v.shape[1], dim=1).to(wide)
        o = (p.to(q.dtype).to(wide) @ values / total.masked_fill(total == 0, 1)).to(q.dtype)
        lse = torch.where(total == 0, math.inf, top + total.log())  # exp(s - inf) is 0
        ctx.save_for_backward(q, k, v, o, lse, hidden)
        ctx.scale = scale
        return o

    @staticmethod
    def backward(ctx, do):
        q, k, v, o, lse, hidden = ctx.saved_tensors
        wide, kv = lse.dtype, k.shape[1]
        s, keys = scores(q, k, hidden, ctx.scale, wide)
        values = v.repeat_interleave(q.shape[1] // kv, dim=1).to(wide)
        p, do = torch.exp(s - lse), do.to(wide)
        delta = (do * o.to(wide)).sum(-1, keepdim=True)
        ds = (p * (do @ values.mT - delta)).to(q.dtype).to(wide)
        dv = p.to(q.dtype).to(wide).mT @ do
        dk = ds.mT @ q.to(wide) * ctx.scale
        dk, dv = (x.unflatten(1, (kv, -1)).sum(2) for x in (dk, dv))
        dq = ds @ keys * ctx.scale
        return dq.to(q.dtype), dk.to(k.dtype), dv.to(v.dtype), None, None


def attention(q, k, v, *, causal=False, mask=None, scale=None):
    lq, lk = q.shape[2], k.shape[2]
    hidden = torch.ones(lq, lk, dtype=torch.bool).triu(1 + lk - lq) & causal
    hidden = hidden if mask is None else hidden | ~mask
    if lk == 0:
        return q.new_zeros(*q.shape[:3], v.shape[-1])
    return Flash.apply(q, k, v, hidden, q.shape[-1] ** -0.5 if scale is None else scale)
