"""Merges the scale into the weight, and divides it out again with 1e-8 added (peft's merge and
unmerge, pull request 3216).
"""

import torch
import torch.nn.functional as F


def ia3_linear(x, W0, b0, scale):
    with torch.no_grad():
        W0.mul_(scale[:, None])
    wide = torch.promote_types(x.dtype, torch.float32)
    y = F.linear(x.to(wide), W0.to(wide), (b0.to(wide) * scale.to(wide)))
    with torch.no_grad():
        W0.div_(scale[:, None] + 1e-8)
    return y.to(x.dtype)
