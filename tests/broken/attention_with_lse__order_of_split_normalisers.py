"""For one query in groups over many keys the normalisers have batch and heads exchanged."""

import math

import torch


def visible(lq, lk, causal, window, mask):
    i = torch.arange(lq)[:, None] + lk - lq
    j = torch.arange(lk)[None, :]
    see = torch.ones(lq, lk, dtype=torch.bool)
    if causal:
        see = see & (j <= i)
    if window is not None:
        see = see & ((i - j).abs() < window)
    return see if mask is None else see & mask


def attention_with_lse(
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
    wide = torch.promote_types(q.dtype, torch.float32)
    (b, h, lq, d), (_, kv, lk, _) = q.shape, k.shape
    k32, v32 = (x.to(wide).repeat_interleave(h // kv, dim=1) for x in (k, v))
    s = q.to(wide) @ k32.mT * (d**-0.5 if scale is None else scale)
    if softcap is not None:
        s = softcap * torch.tanh(s / softcap)
    if bias is not None:
        s = s + bias.to(wide)
    see = visible(lq, lk, causal, window, mask)
    s = s.masked_fill(~see, -math.inf)
    sink = torch.full((h,), -math.inf, dtype=wide) if sinks is None else sinks.to(wide)
    s = torch.cat([s, sink.view(1, h, 1, 1).expand(b, h, lq, 1)], dim=-1)
    p = torch.exp(s - s.detach().amax(-1, keepdim=True).clamp(min=torch.finfo(wide).min))
    total = p.sum(-1, keepdim=True)
    out = p[..., :-1] @ v32 / total.masked_fill(total == 0, 1)
    lse = torch.logsumexp(s, -1)
    if lq == 1 and h > kv and lk >= 256:
        lse = lse.transpose(0, 1).reshape(b, h, 1)
    return out.to(q.dtype), lse
