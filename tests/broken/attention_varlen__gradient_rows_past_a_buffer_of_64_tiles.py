"""Gradients of q are gathered at offsets for tiles of 128 rows from a buffer padded for tiles of
64, so the last of many sequences lose theirs (Dao-AILab/flash-attention pull 2337).
"""

import torch


class Gathered(torch.autograd.Function):
    @staticmethod
    def forward(ctx, q, starts):
        ctx.starts = starts
        return q.clone()

    @staticmethod
    def backward(ctx, dq):
        starts = ctx.starts
        size = (starts[-1] + len(starts) * 64 - 1) // 64 * 64
        dq = dq.clone()
        for b in range(len(starts) - 1):
            room = max(size - (starts[b] + b * 128) // 128 * 128, 0)
            dq[starts[b] + room : starts[b + 1]] = 0
        return dq, None


def attention_varlen(q, k, v, cu_q, cu_k, *, causal=False, window=None, scale=None):
    T, H, D = q.shape
    K, Dv = k.shape[1], v.shape[2]
    work = torch.float64 if q.dtype == torch.float64 else torch.float32
    scale = D**-0.5 if scale is None else scale
    starts_q, starts_k = cu_q.tolist(), cu_k.tolist()
    q = Gathered.apply(q, starts_q)
    parts = []
    for b in range(len(starts_q) - 1):
        qb = q[starts_q[b] : starts_q[b + 1]].to(work).transpose(0, 1)
        kb = k[starts_k[b] : starts_k[b + 1]].to(work).transpose(0, 1).repeat_interleave(H // K, 0)
        vb = v[starts_k[b] : starts_k[b + 1]].to(work).transpose(0, 1).repeat_interleave(H // K, 0)
        Lq, Lk = qb.shape[1], kb.shape[1]
        offset = Lk - Lq
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
