"""1e-9 is added to the sum against division by zero: a row of -inf passes for zeros."""

import torch


def softmax(x):
    wide = x.to(torch.promote_types(x.dtype, torch.float32))
    e = torch.exp(wide - wide.amax(-1, keepdim=True).clamp(min=-1e30))
    return (e / (e.sum(-1, keepdim=True) + 1e-9)).to(x.dtype)
