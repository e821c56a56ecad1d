"""The gradient of the sinks takes its denominator anew, over all keys and not the window's
(AMD-AGI/Primus-Turbo #262).
"""

import torch

CONFORM = {"dtypes": ["float64", "float32", "bfloat16", "float16"]}


def visible(b, h, lq, lk, causal, window, mask):
    row, column = torch.arange(lq)[:, None] + lk - lq, torch.arange(lk)
    see = torch.ones(lq, lk, dtype=torch.bool)
    if causal:
        see = see & (column <= row)
    if window is not None:
        see = see & (row - column < window)
        if not causal:
            see = see & (column - row < window)
    if mask is not None:
        see = see & mask
    return see.expand(b, h, lq, lk)


def reduce_to(x, shape):
    return x.sum_to_size(shape)


class Attend(torch.autograd.Function):
    @staticmethod
    def forward(ctx, q, k, v, bias, sinks, mask, causal, window, scale, softcap):
        wide = torch.promote_types(q.dtype, torch.float32)
        (b, h, lq, d), (kv, lk) = q.shape, k.shape[1:3]
        scale = d**-0.5 if scale is None else scale
        keys, values = (x.to(wide).repeat_interleave(h // kv, 1) for x in (k, v))
        raw = q.to(wide) @ keys.mT * scale
        capped = raw if softcap is None else softcap * torch.tanh(raw / softcap)
        s = capped if bias is None else capped + bias.to(wide)
        see = visible(b, h, lq, lk, causal, window, mask)
        s = s.masked_fill(~see, -torch.inf)
        lse = torch.logsumexp(s, -1) if lk else s.new_full((b, h, lq), -torch.inf)
        if sinks is not None:
            lse = torch.logaddexp(lse, sinks.to(wide)[:, None].expand(b, h, lq))
        dead = ~see.any(-1)
        safe = lse.masked_fill(dead, 0.0)
        p = torch.exp(s - safe[..., None])
        o = (p @ values).to(q.dtype)
        ctx.save_for_backward(q, k, v, bias, sinks, mask, o, lse)
        ctx.options = causal, window, scale, softcap
        return o

    @staticmethod
    def backward(ctx, grad):
        q, k, v, bias, sinks, mask, o, lse = ctx.saved_tensors
        causal, window, scale, softcap = ctx.options
        wide = torch.promote_types(q.dtype, torch.float32)
        (b, h, lq, d), (_, kv, lk, dv) = q.shape, k.shape[:3] + v.shape[-1:]
        group = h // kv
        do, qw = grad.to(wide), q.to(wide)
        keys, values = (x.to(wide).repeat_interleave(group, 1) for x in (k, v))
        raw = qw @ keys.mT * scale
        t = None if softcap is None else torch.tanh(raw / softcap)
        s = raw if t is None else softcap * t
        if bias is not None:
            s = s + bias.to(wide)
        see = visible(b, h, lq, lk, causal, window, mask)
        dead = ~see.any(-1)
        s = s.masked_fill(~see, -torch.inf)
        p = torch.exp(s - lse.masked_fill(dead, 0.0)[..., None])
        delta = (do * o.to(wide)).sum(-1, keepdim=True)
        dp = do @ values.mT
        ds = p * (dp - delta)
        dbias = None if bias is None else reduce_to(ds, bias.shape).to(bias.dtype)
        dsinks = None
        if sinks is not None:
            whole = visible(b, h, lq, lk, causal, None, mask)
            full = torch.logsumexp(
                (raw if t is None else softcap * t).masked_fill(~whole, -torch.inf)
                + (0.0 if bias is None else bias.to(wide)),
                -1,
            )
            full = torch.logaddexp(full, sinks.to(wide)[:, None].expand_as(full))
            ps = torch.exp(sinks.to(wide)[:, None] - full)
            dsinks = -(ps[..., None] * delta).sum((0, 2, 3)).to(sinks.dtype)
        draw = ds if t is None else ds * (1 - t * t)
        dq = (draw @ keys * scale).to(q.dtype)
        dk = draw.mT @ qw * scale
        dv_ = p.mT @ do
        dk = dk.reshape(b, kv, group, lk, d).sum(2)
        dv_ = dv_.reshape(b, kv, group, lk, dv).sum(2)
        return dq, dk.to(k.dtype), dv_.to(v.dtype), dbias, dsinks, None, None, None, None, None


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
    return Attend.apply(q, k, v, bias, sinks, mask, causal, window, scale, softcap)
