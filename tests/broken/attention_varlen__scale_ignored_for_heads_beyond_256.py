"""Heads wider than 256 go to a plain kernel with the default scale."""

import torch


def one(q, k, v, causal, window, scale):
    """q[L,H,D], k[S,K,D], v[S,K,Dv] of one sequence."""
    wide = torch.promote_types(q.dtype, torch.float32)
    group = q.shape[1] // k.shape[1]
    keys, values = (x.to(wide).repeat_interleave(group, 1) for x in (k, v))
    s = torch.einsum("ihd,jhd->hij", q.to(wide), keys) * scale
    n, m = s.shape[1:]
    row, column = torch.arange(n)[:, None] + m - n, torch.arange(m)
    see = torch.ones(n, m, dtype=torch.bool)
    if causal:
        see &= column <= row
    if window is not None:
        see &= row - column < window
        if not causal:
            see &= column - row < window
    dead = ~see.any(-1, keepdim=True)
    p = torch.softmax(s.masked_fill(~(see | dead), -torch.inf), -1).masked_fill(dead, 0.0)
    return torch.einsum("hij,jhd->ihd", p, values).to(q.dtype)


def attention_varlen(q, k, v, cu_q, cu_k, *, causal=False, window=None, scale=None):
    scale = q.shape[-1] ** -0.5 if scale is None or q.shape[-1] > 256 else scale
    a, c = cu_q.tolist(), cu_k.tolist()
    pieces = [
        one(q[a[i] : a[i + 1]], k[c[i] : c[i + 1]], v[c[i] : c[i + 1]], causal, window, scale)
        for i in range(len(a) - 1)
    ]
    return torch.cat(pieces) if pieces else q.new_zeros(*q.shape[:2], v.shape[2])
