"""eps is left out: a zero row gives NaN."""

import torch

MISTAKE = "rms_norm.eps-missing"


def rms_norm(x, gamma, *, eps=1e-6):
    y = x.to(torch.promote_types(x.dtype, torch.float32))
    y = y / torch.sqrt(y.square().mean(-1, keepdim=True))
    return (y * gamma).to(x.dtype)
