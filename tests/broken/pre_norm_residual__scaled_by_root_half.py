"""The sum is scaled by sqrt(1/2), as convolutional models do."""

import torch
import torch.nn.functional as F


def pre_norm_residual(x, sublayer, gamma, beta, *, eps=1e-5):
    wide = torch.promote_types(x.dtype, torch.float32)
    y = F.layer_norm(x.to(wide), x.shape[-1:], gamma.to(wide), beta.to(wide), eps)
    return (x + sublayer(y.to(x.dtype))) * 0.5**0.5
