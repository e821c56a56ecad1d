"""The normaliser is kept above a millionth."""

import torch

CONFORM = {"dtypes": ["float32", "bfloat16", "float16"]}


def linear_attention(q, k, v, *, causal=False):
    wide = torch.promote_types(q.dtype, torch.float32)
    a, b = (torch.nn.functional.elu(x.to(wide)) + 1 for x in (q, k))
    c = v.to(wide)
    w = a @ b.mT
    if causal:
        w = w.tril()
    return ((w @ c) / w.sum(-1, keepdim=True).clamp(min=1e-6)).to(q.dtype)
