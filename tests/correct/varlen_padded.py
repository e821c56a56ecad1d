"""Packed sequences through one big score matrix: a token sees only keys of its own sequence."""

import math

import torch

CONFORM = {"dtypes": ["float64", "float32", "bfloat16", "float16"]}


def places(cu, count):
    """Sequence number and position from the end, of every packed token."""
    token = torch.arange(count)
    which = torch.searchsorted(cu[1:].contiguous(), token.to(cu.dtype), right=True)
    return which, token - cu[which + 1]


def attention_varlen(q, k, v, cu_q, cu_k, *, causal=False, window=None, scale=None):
    wide = torch.promote_types(q.dtype, torch.float32)
    (_, h, d), (_, kv, _) = q.shape, k.shape
    (seq_q, at_q), (seq_k, at_k) = places(cu_q, q.shape[0]), places(cu_k, k.shape[0])
    age = at_q[:, None] - at_k[None, :]
    see = seq_q[:, None] == seq_k[None, :]
    see = see & (age >= 0) if causal else see
    see = see if window is None else see & (age < window) & (age > -window)
    keys, values = (x.to(wide).repeat_interleave(h // kv, dim=1) for x in (k, v))
    s = torch.einsum("qhd,khd->hqk", q.to(wide), keys)
    s = (s * (d**-0.5 if scale is None else scale)).masked_fill(~see, -math.inf)
    pad = s.new_full((*s.shape[:2], 1), torch.finfo(wide).min)
    top = torch.cat([s, pad], dim=-1).detach().amax(-1, keepdim=True)
    p = torch.exp(s - top)
    total = p.sum(-1, keepdim=True)
    p = p / total.masked_fill(total == 0, 1)
    return torch.einsum("hqk,khd->qhd", p, values).to(q.dtype)
