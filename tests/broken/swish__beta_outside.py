"""beta multiplies the result as well."""

import torch

MISTAKE = "swish.beta-outside"


def swish(x, *, beta=1.0):
    y = x.to(torch.promote_types(x.dtype, torch.float32))
    return (beta * y * torch.sigmoid(beta * y)).to(x.dtype)
