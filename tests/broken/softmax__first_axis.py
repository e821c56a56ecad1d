"""Normalises over the first dimension."""

import torch

MISTAKE = "softmax.first-axis"


def softmax(x):
    y = x.to(torch.promote_types(x.dtype, torch.float32))
    p = torch.exp(y - y.detach().amax(-1, keepdim=True))
    return (p / p.sum(0, keepdim=True)).to(x.dtype)
