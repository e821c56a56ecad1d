"""From 128 tokens on the first token of every tile of 64 does not see itself (fla-org/flash-linear-
attention #1104).
"""

import torch

CONFORM = {"dtypes": ["float64", "float32", "bfloat16", "float16"]}


def linear_attention(q, k, v, *, causal=False):
    wide = torch.promote_types(q.dtype, torch.float32)
    a, b = (torch.nn.functional.elu(t.to(wide)) + 1 for t in (q, k))
    s = a @ b.mT
    if causal:
        s = s.tril()
        row = torch.arange(len(s[0, 0]))
        if len(row) >= 128:
            s = s * ~((row % 64 == 0) & (row > 0) & (row == row[:, None]))
    return (s @ v.to(wide) / s.sum(-1, keepdim=True)).to(q.dtype)
