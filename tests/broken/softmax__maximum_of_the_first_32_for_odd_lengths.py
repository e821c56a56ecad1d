"""Rows with a length that four does not divide take a scalar path whose maximum comes from the
first subgroup of 32 alone: nothing is subtracted for what lies behind.
"""

import torch


def softmax(x):
    y = x.to(torch.promote_types(x.dtype, torch.float32))
    n = y.shape[-1]
    if n % 4 == 0 or n <= 32:
        return torch.softmax(y, -1).to(x.dtype)
    top = y[..., :32].amax(-1, keepdim=True)
    top = torch.where(top == -torch.inf, y.amax(-1, keepdim=True), top)
    e = torch.exp(y - top.detach())
    return (e / e.sum(-1, keepdim=True)).to(x.dtype)
