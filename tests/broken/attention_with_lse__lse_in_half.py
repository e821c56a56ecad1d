"""The log-sum-exp is rounded through float16 on its way out."""

import math

import torch


def forward(q, k, v, causal, mask, scale):
    wide = torch.promote_types(q.dtype, torch.float32)
    (_, h, lq, d), (_, kv, lk, _) = q.shape, k.shape
    k32, v32 = (x.to(wide).repeat_interleave(h // kv, dim=1) for x in (k, v))
    s = q.to(wide) @ k32.mT * (d**-0.5 if scale is None else scale)
    see = torch.ones(lq, lk, dtype=torch.bool).tril(lk - lq) | (not causal)
    s = s.masked_fill(~(see if mask is None else see & mask), -math.inf)
    top = s.detach().amax(-1, keepdim=True).clamp(min=torch.finfo(wide).min)
    p = torch.exp(s - top)
    total = p.sum(-1, keepdim=True)
    empty = total == 0
    total = total.masked_fill(empty, 1)
    lse = top + total.log()
    lse = lse.masked_fill(empty, -math.inf)
    return (p @ v32 / total).to(q.dtype), lse.to(torch.float16).to(lse.dtype).squeeze(-1)


def attention_with_lse(q, k, v, *, causal=False, mask=None, scale=None):
    return forward(q, k, v, causal, mask, scale)
