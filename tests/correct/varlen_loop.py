"""Packed sequences one after the other."""

import torch

CONFORM = {"dtypes": ["float64", "float32", "bfloat16", "float16"]}


def attention_varlen(q, k, v, cu_q, cu_k, *, causal=False, window=None, scale=None):
    wide = torch.promote_types(q.dtype, torch.float32)
    h, d = q.shape[1:]
    pieces = []
    for n in range(len(cu_q) - 1):
        qs = q[cu_q[n] : cu_q[n + 1]].to(wide).transpose(0, 1)
        ks, vs = (
            x[cu_k[n] : cu_k[n + 1]].to(wide).transpose(0, 1).repeat_interleave(h // x.shape[1], 0)
            for x in (k, v)
        )
        lq, lk = qs.shape[1], ks.shape[1]
        age = torch.arange(lq)[:, None] + lk - lq - torch.arange(lk)
        see = (age >= 0) | (not causal)
        see = see if window is None else see & (age.abs() < window)
        alive = see.any(-1, keepdim=True)
        s = qs @ ks.mT * (d**-0.5 if scale is None else scale)
        p = torch.softmax(s.masked_fill(~see & alive, -torch.inf), dim=-1) * alive
        pieces.append((p @ vs).transpose(0, 1))
    return torch.cat(pieces).to(q.dtype)
