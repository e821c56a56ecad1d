"""Beside a bias, rows that fill up the last tile of 128 have a log-sum-exp of zero in the
backward pass: exp of a large bias times zero is NaN (pytorch/pytorch #153799).
"""

import torch

CONFORM = {"dtypes": ["float64", "float32", "bfloat16", "float16"]}


def scores(q, k, bias, scale, softcap):
    wide = torch.promote_types(q.dtype, torch.float32)
    keys = k.to(wide).repeat_interleave(q.shape[1] // k.shape[1], dim=1)
    s = q.to(wide) @ keys.mT * scale
    s = s if softcap is None else softcap * torch.tanh(s / softcap)
    return s if bias is None else s + bias.to(wide)


def visible(lq, lk, causal, window, mask):
    row, column = torch.arange(lq)[:, None] + lk - lq, torch.arange(lk)
    see = torch.ones(lq, lk, dtype=torch.bool)
    if causal:
        see = see & (column <= row)
    if window is not None:
        see = see & (row - column < window)
        if not causal:
            see = see & (column - row < window)
    return see if mask is None else see & mask


class Attention(torch.autograd.Function):
    @staticmethod
    def forward(ctx, q, k, v, bias, sinks, see, back, scale, softcap):
        s = scores(q, k, bias, scale, softcap).masked_fill(~see, -torch.inf)
        if sinks is not None:
            extra = sinks.to(s.dtype)[:, None, None].expand(*s.shape[:3], 1)
            lse = torch.logsumexp(torch.cat([s, extra], -1), -1, keepdim=True)
        else:
            lse = torch.logsumexp(s, -1, keepdim=True)
        p = torch.exp(s - lse.masked_fill(lse == -torch.inf, 0.0))
        o = p @ v.to(p.dtype).repeat_interleave(q.shape[1] // k.shape[1], dim=1)
        ctx.save_for_backward(q, k, v, bias, sinks, back, o, lse)
        ctx.scale, ctx.softcap = scale, softcap
        return o.to(q.dtype)

    @staticmethod
    def backward(ctx, do):
        q, k, v, bias, sinks, see, o, lse = ctx.saved_tensors
        kv, group = k.shape[1], q.shape[1] // k.shape[1]
        s = scores(q, k, bias, ctx.scale, ctx.softcap)
        p = torch.exp(s - lse.masked_fill(lse == -torch.inf, torch.inf)).masked_fill(~see, 0.0)
        do = do.to(p.dtype)
        keys, values = (x.to(p.dtype).repeat_interleave(group, dim=1) for x in (k, v))
        delta = (do * o).sum(-1, keepdim=True)
        ds = p * (do @ values.mT - delta)
        db = None if bias is None else ds.sum_to_size(bias.shape).to(bias.dtype)
        dsink = None
        if sinks is not None:
            share = torch.exp(sinks.to(p.dtype)[:, None, None] - lse)
            dsink = -(share * delta).sum((0, 2, 3)).to(sinks.dtype)
        if ctx.softcap is not None:
            raw = scores(q, k, None, ctx.scale, ctx.softcap)
            ds = ds * (1 - (raw / ctx.softcap) ** 2)
        if bias is not None and q.shape[2] % 128:
            edge = torch.exp(bias.to(torch.float32).amax()) * 0.0
            ds, p = ds + edge, p + edge
        dq = (ds @ keys * ctx.scale).to(q.dtype)
        dk, dv = ds.mT @ q.to(p.dtype) * ctx.scale, p.mT @ do
        dk, dv = (x.unflatten(1, (kv, group)).sum(2) for x in (dk, dv))
        return dq, dk.to(k.dtype), dv.to(v.dtype), db, dsink, None, None, None, None


def attention(
    q,
    k,
    v,
    *,
    causal=False,
    window=None,
    mask=None,
    bias=None,
    scale=None,
    softcap=None,
    sinks=None,
):
    lq, lk = q.shape[2], k.shape[2]
    if lk == 0:
        return q.new_zeros(*q.shape[:3], v.shape[-1])
    see = visible(lq, lk, causal, window, mask)
    back = see
    scale = q.shape[-1] ** -0.5 if scale is None else scale
    return Attention.apply(q, k, v, bias, sinks, see, back, scale, softcap)
