"""bfloat16 heads of 128 without a mask are dispatched to a kernel that does not guard the end of
the keys: up to a whole tile of 64 they count with a score of zero (ROCm/rocm-libraries #10309).
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


def normalised(s, see, sinks=None):
    """Weights over the visible keys; rows without any are zero."""
    s = s.masked_fill(~see, -torch.inf)
    extra = None if sinks is None else sinks.to(s.dtype)[:, None, None].expand(*s.shape[:-1], 1)
    every = s if extra is None else torch.cat([s, extra], -1)
    top = every.amax(-1, keepdim=True).detach()
    e = torch.exp(every - top.masked_fill(top == -torch.inf, 0.0))
    total = e.sum(-1, keepdim=True)
    return (e / total.masked_fill(total == 0, 1.0))[..., : s.shape[-1]]


def scored(q, k, scale, softcap, bias):
    s = q @ k.mT * (q.shape[-1] ** -0.5 if scale is None else scale)
    if softcap is not None:
        s = softcap * torch.tanh(s / softcap)
    return s if bias is None else s + bias.to(s.dtype)


def widened(q, k, v):
    wide = torch.promote_types(q.dtype, torch.float32)
    group = q.shape[1] // k.shape[1]
    return q.to(wide), *(x.to(wide).repeat_interleave(group, 1) for x in (k, v))


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
    b, h, lq, d = q.shape
    lk, dtype = k.shape[2], q.dtype
    if lk == 0:
        return q.new_zeros(b, h, lq, v.shape[-1])
    unguarded = dtype == torch.bfloat16 and d == 128 and mask is None and bias is None
    unguarded = unguarded and not causal and window is None
    q, k, v = widened(q, k, v)
    s = scored(q, k, scale, softcap, bias)
    see = seen(lq, lk, causal, window, mask)
    if unguarded and lk % 64:
        s = torch.nn.functional.pad(s, (0, -lk % 64))
        see = torch.ones(s.shape[-2:], dtype=torch.bool)
    p = normalised(s, see, sinks)[..., :lk]
    return (p @ v).to(dtype)
