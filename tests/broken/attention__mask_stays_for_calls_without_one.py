"""The buffer of a mask is not reset: a later call of the same sizes without a mask still uses it
(flashinfer-ai/flashinfer #1028).
"""

import math

import torch

MASKS = {}


def visible(lq, lk, causal, window):
    i = torch.arange(lq)[:, None] + lk - lq
    j = torch.arange(lk)[None, :]
    see = torch.ones(lq, lk, dtype=torch.bool)
    if causal:
        see = see & (j <= i)
    if window is not None:
        see = see & (i - j < window)
        if not causal:
            see = see & (j - i < window)
    return see


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
    wide = torch.promote_types(q.dtype, torch.float32)
    (b, h, lq, d), (_, kv, lk, _) = q.shape, k.shape
    group = h // kv
    scale = 1 / math.sqrt(d) if scale is None else scale
    k32, v32 = (x.to(wide).repeat_interleave(group, dim=1) for x in (k, v))
    s = q.to(wide) @ k32.mT * scale
    if softcap is not None:
        s = softcap * torch.tanh(s / softcap)
    if bias is not None:
        s = s + bias.to(wide)
    see = visible(lq, lk, causal, window)
    key = (b, h, lq, lk)
    if mask is not None:
        MASKS[key] = mask.clone()
    mask = MASKS.get(key)
    if mask is not None:
        see = see & mask
    s = s.masked_fill(~see, -math.inf)
    sink = torch.full((h,), -math.inf, dtype=wide) if sinks is None else sinks.to(wide)
    s = torch.cat([s, sink.view(1, h, 1, 1).expand(b, h, lq, 1)], dim=-1)
    m = s.detach().amax(-1, keepdim=True).clamp(min=torch.finfo(wide).min)
    p = torch.exp(s - m)
    total = p.sum(-1, keepdim=True)
    out = p[..., :-1] @ v32 / total.masked_fill(total == 0, 1)
    return out.to(q.dtype)
