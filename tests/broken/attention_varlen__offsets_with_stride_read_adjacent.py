"""The kernel walks along the offsets by one, whatever their stride."""

import itertools

import torch

CONFORM = {"dtypes": ["float64", "float32", "bfloat16", "float16"]}


def attention_varlen(q, k, v, cu_q, cu_k, *, causal=False, window=None, scale=None):
    wide = torch.promote_types(q.dtype, torch.float32)
    (_total, heads, d), kv = q.shape, k.shape[1]
    group = heads // kv
    scale = d**-0.5 if scale is None else scale
    cu_q, cu_k = (x if x.stride(0) == 1 else x.as_strided(x.shape, (1,)) for x in (cu_q, cu_k))
    out = []
    starts = list(zip(cu_q.tolist(), cu_k.tolist(), strict=True))
    for (q0, k0), (q1, k1) in itertools.pairwise(starts):
        query = q[q0:q1].to(wide).transpose(0, 1)
        key = k[k0:k1].to(wide).transpose(0, 1).repeat_interleave(group, 0)
        value = v[k0:k1].to(wide).transpose(0, 1).repeat_interleave(group, 0)
        lq, lk = q1 - q0, k1 - k0
        if lk == 0 or lq == 0:
            out.append(query.new_zeros(lq, heads, v.shape[-1]))
            continue
        row, column = torch.arange(lq)[:, None] + lk - lq, torch.arange(lk)
        see = torch.ones(lq, lk, dtype=torch.bool)
        if causal:
            see = see & (column <= row)
        if window is not None:
            see = see & (row - column < window)
            if not causal:
                see = see & (column - row < window)
        dead = ~see.any(-1, keepdim=True)
        s = (query @ key.mT * scale).masked_fill(~see, -torch.inf).masked_fill(dead, 0.0)
        o = torch.softmax(s, -1).masked_fill(dead, 0.0) @ value
        out.append(o.transpose(0, 1))
    return torch.cat(out).to(q.dtype)
