"""With grouped heads the bias is read by (group, key head), not by (key head, group)."""

import math

import torch


def visible(q, k, causal, window, mask):
    lq, lk = q.shape[2], k.shape[2]
    i = torch.arange(lq)[:, None] + lk - lq
    j = torch.arange(lk)[None, :]
    see = torch.ones(lq, lk, dtype=torch.bool)
    if causal:
        see = see & (j <= i)
    if window is not None:
        see = see & ((i - j).abs() < window)
    return see if mask is None else see & mask


class Core(torch.autograd.Function):
    """Dense attention with the sink as one more column, and its backward pass by hand."""

    @staticmethod
    def forward(ctx, q, k, v, bias, sinks, see, see_back, scale, softcap):
        wide = torch.promote_types(q.dtype, torch.float32)
        b, h, lq, _d = q.shape
        kv = k.shape[1]
        k32, v32 = (x.to(wide).repeat_interleave(h // kv, dim=1) for x in (k, v))
        raw = q.to(wide) @ k32.mT * scale
        s = raw if softcap is None else softcap * torch.tanh(raw / softcap)
        if bias is not None:
            s = s + bias.to(wide)
        s = s.masked_fill(~see, -math.inf)
        sink = torch.full((h,), -math.inf, dtype=wide) if sinks is None else sinks.to(wide)
        full = torch.cat([s, sink.view(1, h, 1, 1).expand(b, h, lq, 1)], dim=-1)
        top = full.amax(-1, keepdim=True).clamp(min=torch.finfo(wide).min)
        p = torch.exp(full - top)
        total = p.sum(-1, keepdim=True)
        weights = p / total.masked_fill(total == 0, 1)
        out = weights[..., :-1] @ v32
        lse = (top + torch.log(total)).squeeze(-1)
        ctx.save_for_backward(q, k, v, bias, sinks, raw, weights)
        ctx.more = see_back, scale, softcap
        return out.to(q.dtype), lse

    @staticmethod
    def backward(ctx, g, glse):
        q, k, v, bias, sinks, raw, weights = ctx.saved_tensors
        _see, scale, softcap = ctx.more
        wide = weights.dtype
        (b, h, _lq, d), kv, lk = q.shape, k.shape[1], k.shape[2]
        k32, v32 = (x.to(wide).repeat_interleave(h // kv, dim=1) for x in (k, v))
        g = g.to(wide)
        p = weights[..., :-1]
        dv = p.mT @ g
        dp = g @ v32.mT
        delta = (p * dp).sum(-1, keepdim=True)
        ds = p * (dp - delta + glse.to(wide).unsqueeze(-1))
        dsinks = None
        if sinks is not None:
            column = weights[..., -1]
            dsinks = (column * (glse.to(wide) - delta.squeeze(-1))).sum((0, 2)).to(sinks.dtype)
        dbias = None if bias is None else ds.sum_to_size(bias.shape).to(bias.dtype)
        if softcap is not None:
            ds = ds * (1 - torch.tanh(raw / softcap) ** 2)
        dq = ds @ k32 * scale
        dk = ds.mT @ q.to(wide) * scale
        dk = dk.view(b, kv, h // kv, lk, d).sum(2)
        dv = dv.view(b, kv, h // kv, lk, v.shape[3]).sum(2)
        return dq.to(q.dtype), dk.to(k.dtype), dv.to(v.dtype), dbias, dsinks, None, None, None, None


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
    scale = q.shape[3] ** -0.5 if scale is None else scale
    see = visible(q, k, causal, window, mask)
    see_back = see
    h, kv = q.shape[1], k.shape[1]
    if bias is not None and bias.dim() == 4 and bias.shape[1] == h and kv not in (1, h):
        bias = bias.unflatten(1, (h // kv, kv)).transpose(1, 2).flatten(1, 2)
    out, _lse = Core.apply(q, k, v, bias, sinks, see, see_back, scale, softcap)
    return out
