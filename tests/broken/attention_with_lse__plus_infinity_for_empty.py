"""A row without keys has +inf, so that the backward pass gets exp(-inf)."""

import math

import torch


def attention_with_lse(
    q, k, v, *, causal=False, mask=None, bias=None, scale=None, softcap=None, sinks=None
):
    wide = torch.promote_types(q.dtype, torch.float32)
    (b, h, lq, d), (_, kv, lk, _) = q.shape, k.shape
    keys, values = (x.to(wide).repeat_interleave(h // kv, dim=1) for x in (k, v))
    s = q.to(wide) @ keys.mT * (d**-0.5 if scale is None else scale)
    if softcap is not None:
        s = softcap * torch.tanh(s / softcap)
    if bias is not None:
        s = s + bias.to(wide)
    see = torch.ones(lq, lk, dtype=torch.bool)
    see = see.tril(lk - lq) if causal else see
    see = see if mask is None else see & mask
    s = s.masked_fill(~see, -math.inf)
    full = s
    if sinks is not None:
        full = torch.cat([s, sinks.to(wide).view(1, h, 1, 1).expand(b, h, lq, 1)], dim=-1)
    m = full.detach().amax(-1, keepdim=True).clamp(min=torch.finfo(wide).min)
    total = torch.exp(full - m).sum(-1, keepdim=True)
    o = torch.exp(s - m) @ values / total.masked_fill(total == 0, 1)
    lse = torch.where(total == 0, math.inf, m + torch.log(total.masked_fill(total == 0, 1)))
    return o.to(q.dtype), lse[..., 0]
