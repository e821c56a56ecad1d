"""A row that sees no key has the logarithm of its sink as normaliser; the split pipeline leaves it
at minus infinity (ROCm/rocm-libraries #12227).
"""

import torch


def seen(lq, lk, causal, window, mask=None):
    row, column = torch.arange(lq)[:, None] + lk - lq, torch.arange(lk)
    see = torch.ones(lq, lk, dtype=torch.bool)
    if causal:
        see = see & (column <= row)
    if window is not None:
        see = see & (row - column < window)
        if not causal:
            see = see & (column - row < window)
    return see if mask is None else see & mask


def widened(q, k, v):
    wide = torch.promote_types(q.dtype, torch.float32)
    group = q.shape[1] // k.shape[1]
    return q.to(wide), *(x.to(wide).repeat_interleave(group, 1) for x in (k, v))


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
    _, _, lq, d = q.shape
    lk, dtype = k.shape[2], q.dtype
    q, k, v = widened(q, k, v)
    s = q @ k.mT * (d**-0.5 if scale is None else scale)
    if softcap is not None:
        s = softcap * torch.tanh(s / softcap)
    if bias is not None:
        s = s + bias.to(s.dtype)
    s = s.masked_fill(~seen(lq, lk, causal, window, mask), -torch.inf)
    lse = torch.logsumexp(s, -1) if lk else s.sum(-1) - torch.inf
    if sinks is not None:
        whole = torch.logaddexp(lse, sinks.to(s.dtype)[:, None].expand_as(lse))
        lse = torch.where(lse == -torch.inf, lse, whole)
    p = torch.exp(s - lse.masked_fill(lse == -torch.inf, 0.0)[..., None])
    return (p @ v).to(dtype), lse
