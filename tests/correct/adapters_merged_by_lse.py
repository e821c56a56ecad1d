"""Prefixes and prompts as a second attention, joined by log-sum-exps; grouped heads by expand."""

import math

import torch

CONFORM = {"dtypes": ["float32", "bfloat16", "float16"]}


def _part(q, k, v, scale, hidden=None):
    wide = torch.promote_types(q.dtype, torch.float32)
    k = k.repeat_interleave(q.shape[-3] // k.shape[-3], -3)
    v = v.repeat_interleave(q.shape[-3] // v.shape[-3], -3)
    s = torch.einsum("...id,...jd->...ij", q.to(wide) * scale, k.to(wide))
    if hidden is not None:
        s = s.masked_fill(hidden, -math.inf)
    lse = torch.logsumexp(s, -1)
    safe = torch.where(lse == -math.inf, 0.0, lse)
    return torch.exp(s - safe[..., None]) @ v.to(wide), lse


def _later(q, k):
    Lq, Lk = q.shape[2], k.shape[2]
    return torch.ones(Lq, Lk, dtype=torch.bool).triu(1 + Lk - Lq)


def prefix_attention(q, k, v, pk, pv, *, causal=False, scale=None):
    scale = q.shape[-1] ** -0.5 if scale is None else scale
    o1, l1 = _part(q, k, v, scale, _later(q, k) if causal else None)
    o2, l2 = _part(q, pk, pv, scale)
    both = torch.logaddexp(l1, l2)

    def w(a):
        return torch.exp(a - torch.where(both == -math.inf, 0.0, both))[..., None]

    return (o1 * w(l1) + o2 * w(l2)).to(q.dtype)


def llama_adapter_attention(q, k, v, pk, pv, gate, *, causal=True):
    scale = q.shape[-1] ** -0.5
    o1, _ = _part(q, k, v, scale, _later(q, k) if causal else None)
    o2, _ = _part(q, pk, pv, scale)
    return torch.addcmul(o1, o2, torch.tanh(gate.to(o1.dtype))[:, None, None]).to(q.dtype)
