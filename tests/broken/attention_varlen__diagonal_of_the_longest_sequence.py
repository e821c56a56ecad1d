"""Under causal every sequence's diagonal is shifted by max Lk - max Lq instead of its own
difference.
"""

import itertools

import torch


def attention_varlen(q, k, v, cu_q, cu_k, *, causal=False, window=None, scale=None):
    T, H, D = q.shape
    K, Dv = k.shape[1], v.shape[2]
    work = torch.float64 if q.dtype == torch.float64 else torch.float32
    scale = D**-0.5 if scale is None else scale
    starts_q, starts_k = cu_q.tolist(), cu_k.tolist()
    parts = []
    for b in range(len(starts_q) - 1):
        qb = q[starts_q[b] : starts_q[b + 1]].to(work).transpose(0, 1)
        kb = k[starts_k[b] : starts_k[b + 1]].to(work).transpose(0, 1).repeat_interleave(H // K, 0)
        vb = v[starts_k[b] : starts_k[b + 1]].to(work).transpose(0, 1).repeat_interleave(H // K, 0)
        Lq, Lk = qb.shape[1], kb.shape[1]
        offset = Lk - Lq
        if causal:
            longest_q = max(e - s for s, e in itertools.pairwise(starts_q))
            longest_k = max(e - s for s, e in itertools.pairwise(starts_k))
            offset = longest_k - longest_q
        i = torch.arange(Lq)[:, None] + offset
        j = torch.arange(Lk)
        seen = torch.ones(Lq, Lk, dtype=torch.bool)
        if causal:
            seen = seen & (j <= i)
        if window is not None:
            seen = seen & ((j > i - window) if causal else ((i - j).abs() < window))
        s = (qb @ kb.transpose(-1, -2) * scale).masked_fill(~seen, float("-inf"))
        top = s.detach().amax(-1, keepdim=True) if Lk else s.new_zeros(H, Lq, 1)
        p = torch.exp(s - top.masked_fill(top == float("-inf"), 0.0))
        total = p.sum(-1, keepdim=True)
        out = (p @ vb) / total.masked_fill(total == 0, 1.0)
        parts.append(out.transpose(0, 1))
    return torch.cat(parts).to(q.dtype) if parts else q.new_zeros(T, H, Dv)
