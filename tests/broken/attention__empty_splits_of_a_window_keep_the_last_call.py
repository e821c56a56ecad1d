"""One query over a window in four splits: where ceil(window / 4) leaves trailing splits without
keys, they are merged with what the call before left there (vllm-project/vllm #47188).
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


SCRATCH = {}


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
    b, h, lq, _ = q.shape
    lk, dtype, dv = k.shape[2], q.dtype, v.shape[-1]
    if lk == 0:
        return q.new_zeros(b, h, lq, dv)
    q, k, v = widened(q, k, v)
    s = scored(q, k, scale, softcap, bias)
    see = seen(lq, lk, causal, window, mask)
    split = lq == 1 and causal and window is not None and window < lk and sinks is None
    if not split:
        return (normalised(s, see, sinks) @ v).to(dtype)
    s = s.masked_fill(~see, -torch.inf)
    first, each = lk - window, -(-window // 4)
    parts = SCRATCH.setdefault((b, h, dv, s.dtype), {})
    for n in range(4):
        keys = slice(first + n * each, min(first + (n + 1) * each, lk))
        if keys.start < keys.stop:
            lse = torch.logsumexp(s[..., keys], -1, keepdim=True)
            p = torch.exp(s[..., keys] - lse.masked_fill(lse == -torch.inf, 0.0))
            parts[n] = (p @ v[..., keys, :], lse)
    every = torch.cat([lse for _, lse in parts.values()], -1)
    weight = normalised(every, torch.ones_like(every, dtype=torch.bool))
    return sum(weight[..., i, None] * o for i, (o, _) in enumerate(parts.values())).to(dtype)
