"""Only the last tile of 64 keys of a tile of queries is masked causally; where Lk - Lq is no
multiple of 64 the one before needs it too (invented).
"""

import math

import torch


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
    if causal and lk > 64 and mask is None and window is None:
        row = torch.arange(lq)[:, None]
        end = row // 64 * 64 + 64 + lk - lq
        last = (end.clamp(max=lk) - 1) // 64 * 64
        see = see | (
            (torch.arange(lk) < last) & (last > 0) & (torch.arange(lk) >= last - 64) & (end > 0)
        )
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
