"""Returns the exponentials without dividing by their sum."""

import math

import torch


def attention_weights(q, k, *, causal=False, mask=None, scale=None):
    wide = torch.promote_types(q.dtype, torch.float32)
    (_, h, lq, d), (_, kv, lk, _) = q.shape, k.shape
    s = q.to(wide) @ k.to(wide).repeat_interleave(h // kv, dim=1).mT
    s = s * (d**-0.5 if scale is None else scale)
    see = torch.ones(lq, lk, dtype=torch.bool).tril(lk - lq) | (not causal)
    s = s.masked_fill(~(see if mask is None else see & mask), -math.inf)
    p = torch.exp(s - s.detach().amax(-1, keepdim=True).clamp(min=torch.finfo(wide).min))
    return p.to(q.dtype)
