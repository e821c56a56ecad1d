"""Linear attention by its attention matrix, the other order of multiplication."""

import torch

CONFORM = {"dtypes": ["float64", "float32", "bfloat16", "float16"]}


def linear_attention(q, k, v, *, causal=False):
    wide = torch.promote_types(q.dtype, torch.float32)
    fq, fk = (torch.where(x > 0, x + 1, x.clamp(max=0).exp()) for x in (q.to(wide), k.to(wide)))
    a = torch.einsum("bhid,bhjd->bhij", fq, fk)
    a = torch.tril(a) if causal else a
    return ((a @ v.to(wide)) / a.sum(-1, keepdim=True)).to(q.dtype)
