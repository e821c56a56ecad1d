"""Block-sparse attention as dense attention under the block mask blown up to elements."""

import math

import torch

CONFORM = {"dtypes": ["float64", "float32", "bfloat16", "float16"]}


def block_sparse_attention(q, k, v, block_mask, *, block_size):
    wide = torch.promote_types(q.dtype, torch.float32)
    h, d = q.shape[1], q.shape[-1]
    k, v = (x.repeat_interleave(h // x.shape[1], dim=1).to(wide) for x in (k, v))
    see = block_mask.repeat_interleave(block_size, 0).repeat_interleave(block_size, 1)
    s = (q.to(wide) @ k.mT / math.sqrt(d)).masked_fill(~see, -math.inf)
    top = s.detach().amax(-1, keepdim=True).clamp(min=torch.finfo(wide).min)
    p = torch.exp(s - top)
    total = p.sum(-1, keepdim=True)
    return (p @ v / total.masked_fill(total == 0, 1)).to(q.dtype)
