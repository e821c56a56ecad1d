"""Softmax in one pass over tiles of 8 for maximum and sum, a second for the result."""

import torch

CONFORM = {"dtypes": ["float64", "float32", "bfloat16", "float16"]}


def softmax_merge(m1, l1, m2, l2):
    m = torch.where(m1 > m2, m1, m2)
    wide = torch.promote_types(m.dtype, torch.float32)
    # An empty side has sum 0: its exponent is replaced by 0 before -inf - -inf can arise.
    d1 = torch.where(m1 == m, 0.0, m1.to(wide) - m.to(wide))
    d2 = torch.where(m2 == m, 0.0, m2.to(wide) - m.to(wide))
    return m, (l1 * d1.exp() + l2 * d2.exp()).to(l1.dtype)


def softmax(x):
    y = x.to(torch.promote_types(x.dtype, torch.float32))
    m = torch.full_like(y[..., 0], -torch.inf)
    total = torch.zeros_like(m)
    for part in y.split(8, dim=-1):
        top = part.detach().amax(-1)
        safe = torch.where(top == -torch.inf, 0.0, top)
        m, total = softmax_merge(m, total, top, torch.exp(part - safe[..., None]).sum(-1))
    return (torch.exp(y - m[..., None]) / total[..., None]).to(x.dtype)
