"""Sequences of one length run as a batch, whose causal mask starts in the corner."""

import torch


def one(q, k, v, causal, window, scale):
    lq, lk = q.shape[0], k.shape[0]
    at = torch.arange(lq)[:, None] + lk - lq - torch.arange(lk)
    ok = torch.ones(lq, lk, dtype=torch.bool)
    if causal:
        ok &= at >= 0
    if window is not None:
        ok &= at.abs() < window
    s = torch.einsum("ihd,jhd->hij", q, k) * scale
    p = torch.softmax(s.masked_fill(~ok, -torch.inf), -1)
    p = torch.where(ok.any(-1, keepdim=True), p, torch.zeros_like(p))
    return torch.einsum("hij,jhd->ihd", p, v)


def attention_varlen(q, k, v, cu_q, cu_k, *, causal=False, window=None, scale=None):
    dtype, work = q.dtype, torch.promote_types(q.dtype, torch.float32)
    scale = q.shape[-1] ** -0.5 if scale is None else scale
    times = q.shape[1] // k.shape[1]
    q = q.to(work)
    k, v = (x.to(work).repeat_interleave(times, 1) for x in (k, v))
    ends_q, ends_k = cu_q.tolist(), cu_k.tolist()
    rows = [q.new_zeros(0, q.shape[1], v.shape[2])]
    for b in range(len(ends_q) - 1):
        part, keys = slice(ends_q[b], ends_q[b + 1]), slice(ends_k[b], ends_k[b + 1])
        n, m = ends_q[1] - ends_q[0], ends_k[1] - ends_k[0]
        same = all(e == i * n for i, e in enumerate(ends_q)) and all(
            e == i * m for i, e in enumerate(ends_k)
        )
        if same and causal and window is None and 0 < n <= m:
            pad = [x[keys][:n] for x in (k, v)]
            rows.append(one(q[part], *pad, True, None, scale))
            continue
        rows.append(one(q[part], k[keys], v[keys], causal, window, scale))
    return torch.cat(rows).to(dtype)
