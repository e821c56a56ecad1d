"""Returns the sigmoid without multiplying by x."""

import torch

MISTAKE = "swish.sigmoid-only"


def swish(x, *, beta=1.0):
    y = x.to(torch.promote_types(x.dtype, torch.float32))
    return (torch.sigmoid(beta * y)).to(x.dtype)
