"""Base-2 softmax as fast kernels do it: scale * log2(e) folded into the float32 scores."""

import math

import torch

CONFORM = {"dtypes": ["float64", "float32", "bfloat16", "float16"]}
LOG2E = 1.0 / math.log(2.0)


def attention_with_lse(q, k, v, *, causal=False, window=None, mask=None, bias=None, scale=None):
    wide = torch.promote_types(q.dtype, torch.float32)
    (b, h, lq, d), (_, kv, lk, _) = q.shape, k.shape
    keys, values = (x.repeat_interleave(h // kv, dim=1).to(wide) for x in (k, v))
    s = q.to(wide) @ keys.mT * ((d**-0.5 if scale is None else scale) * LOG2E)
    if bias is not None:
        s = s + bias.to(wide) * LOG2E
    age = torch.arange(lq)[:, None] + (lk - lq) - torch.arange(lk)[None, :]
    hidden = torch.zeros(lq, lk, dtype=torch.bool)
    hidden = hidden | (age < 0) if causal else hidden
    hidden = hidden | (age >= window) | (age <= -window) if window is not None else hidden
    hidden = hidden | ~mask if mask is not None else hidden
    s = torch.where(hidden, -math.inf, s)
    start = torch.full((b, h, lq, 1), -math.inf, dtype=wide)
    top = torch.cat([s.detach(), start], -1).amax(-1, keepdim=True)
    top = top.clamp(min=torch.finfo(wide).min)
    p = torch.exp2(s - top)
    total = p.sum(-1, keepdim=True)
    empty = total == 0
    divisor = total.masked_fill(empty, 1)
    lse = ((top + torch.log2(divisor)) * math.log(2.0)).masked_fill(empty, -math.inf)
    return ((p @ values) / divisor).to(q.dtype), lse[..., 0]


def attention(q, k, v, *, causal=False, window=None, mask=None, bias=None, scale=None):
    return attention_with_lse(
        q, k, v, causal=causal, window=window, mask=mask, bias=bias, scale=scale
    )[0]
