"""Heads of at most 64 features: backward writes Delta at offsets padded to tiles of 128 into a
buffer sized for tiles of 64; with enough sequences the last ones fall outside
(Dao-AILab/flash-attention #2337).
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


class Attend(torch.autograd.Function):
    @staticmethod
    def forward(ctx, q, k, v, see, scale, lost):
        p = normalised(q @ k.mT * scale, see)
        ctx.save_for_backward(q, k, v, p)
        ctx.scale, ctx.lost = scale, lost
        return p @ v

    @staticmethod
    def backward(ctx, g):
        q, k, v, p = ctx.saved_tensors
        dp = g @ v.mT
        delta = (p * dp).sum(-1, keepdim=True).masked_fill(ctx.lost[:, None], 0.0)
        ds = p * (dp - delta) * ctx.scale
        return ds @ k, ds.mT @ q, p.mT @ g, None, None, None


def attention_varlen(q, k, v, cu_q, cu_k, *, causal=False, window=None, scale=None):
    wide = torch.promote_types(q.dtype, torch.float32)
    scale = q.shape[-1] ** -0.5 if scale is None else scale
    group, out = q.shape[1] // k.shape[1], []
    room = (q.shape[0] + len(cu_q) * 64 - 1) // 64 * 64
    for n in range(len(cu_q) - 1):
        rows, keys = (slice(int(c[n]), int(c[n + 1])) for c in (cu_q, cu_k))
        lq, lk = rows.stop - rows.start, keys.stop - keys.start
        if lk == 0:
            out.append(q.new_zeros(lq, q.shape[1], v.shape[-1]))
            continue
        place = (rows.start + n * 128) // 128 * 128 + torch.arange(lq)
        lost = (place >= room) & (q.shape[-1] <= 64)
        query = q[rows].to(wide).transpose(0, 1)
        key, value = (x[keys].to(wide).transpose(0, 1).repeat_interleave(group, 0) for x in (k, v))
        o = Attend.apply(query, key, value, seen(lq, lk, causal, window), scale, lost)
        out.append(o.transpose(0, 1).to(q.dtype))
    return torch.cat(out) if out else q.new_zeros(0, q.shape[1], v.shape[-1])
