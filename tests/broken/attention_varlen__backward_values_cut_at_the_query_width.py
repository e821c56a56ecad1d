"""Backward reads values and the incoming gradient by the width of a query: where values are wider,
dq misses features (XunhaoLai/native-sparse-attention-triton #27).
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


def one(q, k, v, causal, window, scale):
    wide = torch.promote_types(q.dtype, torch.float32)
    group = q.shape[1] // k.shape[1]
    d = q.shape[-1]
    query = q.to(wide).transpose(0, 1)
    key, value = (x.to(wide).transpose(0, 1).repeat_interleave(group, 0) for x in (k, v))
    if not k.shape[0]:
        return q.new_zeros(q.shape[0], q.shape[1], v.shape[-1])
    see = seen(q.shape[0], k.shape[0], causal, window)
    p = normalised(query @ key.mT * scale, see)
    o = p @ value
    if v.shape[-1] > d:
        # The right value; its gradient to the queries comes from the first features alone.
        fixed = normalised(query.detach() @ key.mT * scale, see) @ value
        moved = normalised(query @ key.detach().mT * scale, see) @ value.detach()
        part = torch.nn.functional.pad(moved[..., :d], (0, v.shape[-1] - d))
        o = fixed + part - part.detach()
    return o.transpose(0, 1).to(q.dtype)


def attention_varlen(q, k, v, cu_q, cu_k, *, causal=False, window=None, scale=None):
    out = []
    scale = q.shape[-1] ** -0.5 if scale is None else scale
    for n in range(len(cu_q) - 1):
        rows, keys = (slice(int(c[n]), int(c[n + 1])) for c in (cu_q, cu_k))
        out.append(one(q[rows], k[keys], v[keys], causal, window, scale))
    return torch.cat(out) if out else q.new_zeros(0, q.shape[1], v.shape[-1])
