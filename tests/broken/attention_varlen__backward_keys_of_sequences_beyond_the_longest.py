"""The grid of the backward pass over keys is sized by the longest queries: keys behind get no
gradient (invented, max_seqlen_q for max_seqlen_k).
"""

import math

import torch


def attention_varlen(q, k, v, cu_q, cu_k, *, causal=False, window=None, scale=None):
    wide = torch.promote_types(q.dtype, torch.float32)
    h, d, group = q.shape[1], q.shape[2], q.shape[1] // k.shape[1]
    scale = 1 / math.sqrt(d) if scale is None else scale
    reach = int((cu_q[1:] - cu_q[:-1]).max()) if len(cu_q) > 1 else 0
    reach = -(-reach // 64) * 64
    starts, ends = cu_q.tolist(), cu_k.tolist()
    rows = [q.new_zeros(0, h, v.shape[-1])]
    for n in range(len(starts) - 1):
        a, z, ka, kz = starts[n], starts[n + 1], ends[n], ends[n + 1]
        lq, lk = z - a, kz - ka
        qs = q[a:z].to(wide).transpose(0, 1)
        ks, vs = (x[ka:kz].to(wide).transpose(0, 1).repeat_interleave(group, 0) for x in (k, v))
        i, j = torch.arange(lq)[:, None] + lk - lq, torch.arange(lk)
        see = torch.ones(lq, lk, dtype=torch.bool)
        if causal:
            see = see & (j <= i)
        if window is not None:
            see = see & (i - j < window)
            if not causal:
                see = see & (j - i < window)
        ks, vs = (torch.cat([x[:, :reach], x[:, reach:].detach()], 1) for x in (ks, vs))
        s = (qs @ ks.mT * scale).masked_fill(~see, -math.inf)
        s = torch.cat([s, torch.full((h, lq, 1), -math.inf, dtype=wide)], -1)
        p = torch.exp(s - s.detach().amax(-1, keepdim=True).clamp(min=torch.finfo(wide).min))
        total = p.sum(-1, keepdim=True)
        o = p[..., :-1] @ vs / total.masked_fill(total == 0, 1)
        rows.append(o.transpose(0, 1).to(q.dtype))
    return torch.cat(rows)
