"""The saved normaliser is written only where q, k or v learn: a bias that learns alone gets its
gradient from zeros (pytorch/pytorch #188302).
"""

import torch


def visible(lq, lk, causal, window, mask):
    at, key = torch.arange(lq)[:, None] + (lk - lq), torch.arange(lk)
    see = torch.ones(lq, lk, dtype=torch.bool)
    if causal:
        see &= key <= at
    if window is not None:
        see &= (at - key) < window
        if not causal:
            see &= (key - at) < window
    return see if mask is None else see & mask


def fit(x, like):
    while x.dim() > like.dim():
        x = x.sum(0)
    for i, n in enumerate(like.shape):
        if n == 1 and x.shape[i] != 1:
            x = x.sum(i, keepdim=True)
    return x.to(like.dtype)


class Flash(torch.autograd.Function):
    @staticmethod
    def forward(ctx, q, k, v, bias, sinks, see, scale, softcap):
        w = torch.promote_types(q.dtype, torch.float32)
        b, h, lq, _d = q.shape
        g = h // k.shape[1]
        lk = k.shape[2]
        ks, vs = (x.to(w).repeat_interleave(g, 1) for x in (k, v))
        s = q.to(w) @ ks.mT * scale
        if softcap is not None:
            s = softcap * torch.tanh(s / softcap)
        if bias is not None:
            s = s + bias.to(w)
        see = see.expand(b, h, lq, lk)
        s = s.masked_fill(~see, -torch.inf)
        lse = torch.logsumexp(s, -1) if lk else s.new_full((b, h, lq), -torch.inf)
        empty = torch.isneginf(lse)
        if sinks is not None:
            lse = torch.logaddexp(lse, sinks.to(w)[None, :, None])
        safe = lse.masked_fill(torch.isneginf(lse), 0.0)
        o = torch.exp(s - safe[..., None]) @ vs
        ctx.save_for_backward(q, k, v, bias, sinks, see, o, safe, empty)
        ctx.scale, ctx.softcap = scale, softcap
        return o.to(q.dtype)

    @staticmethod
    def backward(ctx, do):
        q, k, v, bias, sinks, see, o, lse, _empty = ctx.saved_tensors
        w = lse.dtype
        b, h, _lq, _d = q.shape
        kv, lk = k.shape[1:3]
        g = h // kv
        scale, softcap = ctx.scale, ctx.softcap
        ks, vs = (x.to(w).repeat_interleave(g, 1) for x in (k, v))
        qs, dout = q.to(w), do.to(w)

        raw = qs @ ks.mT * scale
        t = raw if softcap is None else softcap * torch.tanh(raw / softcap)
        s = t if bias is None else t + bias.to(w)
        p = torch.exp(s.masked_fill(~see, -torch.inf) - lse[..., None])
        delta = (dout * o).sum(-1)
        dv = p.mT @ dout
        dp = dout @ vs.mT
        ds = p * (dp - delta[..., None])

        dbias = None if bias is None else fit(ds, bias)
        dsinks = None
        if sinks is not None:
            share = torch.exp(sinks.to(w)[None, :, None] - lse)
            dsinks = (-(share * delta)).sum((0, 2)).to(sinks.dtype)
        if softcap is not None:
            ds = ds * (1 - (t / softcap) ** 2)
        dq = ds @ ks * scale
        dk = ds.mT @ qs * scale

        dk, dv = (x.reshape(b, kv, g, lk, -1).sum(2) for x in (dk, dv))
        if bias is not None and not any(ctx.needs_input_grad[:3]):
            dbias = torch.zeros_like(bias)
        return dq.to(q.dtype), dk.to(k.dtype), dv.to(v.dtype), dbias, dsinks, None, None, None


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
    scale = q.shape[-1] ** -0.5 if scale is None else scale
    see = visible(q.shape[2], k.shape[2], causal, window, mask)
    return Flash.apply(q, k, v, bias, sinks, see, scale, softcap)
