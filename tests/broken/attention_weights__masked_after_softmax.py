"""Masks after the softmax, so that rows no longer sum to one."""

import torch

MISTAKE = "attention_weights.masked-late"


def attention_weights(q, k, *, causal=False, mask=None, scale=None):
    wide = torch.promote_types(q.dtype, torch.float32)
    (_, h, lq, d), (_, kv, lk, _) = q.shape, k.shape
    s = q.to(wide) @ k.to(wide).repeat_interleave(h // kv, dim=1).mT
    s = s * (d**-0.5 if scale is None else scale)
    see = torch.ones(lq, lk, dtype=torch.bool).tril(lk - lq) | (not causal)
    p = torch.exp(s - s.detach().amax(-1, keepdim=True).clamp(min=torch.finfo(wide).min))
    total = p.sum(-1, keepdim=True)
    p = p * (see if mask is None else see & mask)
    return (p / total.masked_fill(total == 0, 1)).to(q.dtype)
