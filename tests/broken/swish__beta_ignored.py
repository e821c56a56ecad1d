"""beta is ignored."""

import torch

MISTAKE = "swish.beta-ignored"


def swish(x, *, beta=1.0):
    y = x.to(torch.promote_types(x.dtype, torch.float32))
    return (y * torch.sigmoid(y)).to(x.dtype)
