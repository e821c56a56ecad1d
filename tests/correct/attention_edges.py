"""Attention over an edge list: segment maxima and sums by scatter_reduce and index_add."""

import torch

CONFORM = {"dtypes": ["float64", "float32", "bfloat16", "float16"]}


def _edges(q, k, causal, window, mask):
    (b, h, lq, _), lk = q.shape, k.shape[2]
    offset = torch.arange(lq)[:, None] + lk - lq - torch.arange(lk)
    seen = torch.ones(lq, lk, dtype=torch.bool)
    if causal:
        seen = seen & (offset >= 0)
    if window is not None:
        seen = seen & (offset.abs() < window)
    seen = seen.expand(b, h, lq, lk)
    if mask is not None:
        seen = seen & mask
    return seen.nonzero(as_tuple=True)


def attention(q, k, v, *, causal=False, window=None, mask=None, bias=None, scale=None, sinks=None):
    wide = torch.promote_types(q.dtype, torch.float32)
    (b, h, lq, d), kv, lk = q.shape, k.shape[1], k.shape[2]
    batch, head, target, source = _edges(q, k, causal, window, mask)
    group = head // max(h // kv, 1)
    s = (q.to(wide)[batch, head, target] * k.to(wide)[batch, group, source]).sum(-1)
    s = s * (d**-0.5 if scale is None else scale)
    if bias is not None:
        s = s + bias.to(wide).expand(b, h, lq, lk)[batch, head, target, source]
    row = (batch * h + head) * lq + target
    rows = b * h * lq
    top = torch.full((rows,), -torch.inf, dtype=wide)
    if sinks is not None:
        top = sinks.detach().to(wide)[None, :, None].expand(b, h, lq).reshape(-1).clone()
    top = top.scatter_reduce(0, row, s.detach(), "amax", include_self=True)
    p = torch.exp(s - top[row])
    total = torch.zeros(rows, dtype=wide).index_add(0, row, p)
    if sinks is not None:
        total = total + torch.exp(sinks.to(wide)[None, :, None].expand(b, h, lq).reshape(-1) - top)
    messages = p[:, None] * v.to(wide)[batch, group, source]
    o = torch.zeros(rows, v.shape[-1], dtype=wide).index_add(0, row, messages)
    o = o / torch.where(total == 0, 1, total)[:, None]
    return o.reshape(b, h, lq, v.shape[-1]).to(q.dtype)
