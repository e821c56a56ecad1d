"""The sum is scaled by sqrt(1/2), which only eps can see."""

import torch
import torch.nn.functional as F


def post_norm_residual(x, sublayer, gamma, beta, *, eps=1e-5):
    wide = torch.promote_types(x.dtype, torch.float32)
    y = (x.to(wide) + sublayer(x).to(wide)) * 0.5**0.5
    return F.layer_norm(y, x.shape[-1:], gamma.to(wide), beta.to(wide), eps).to(x.dtype)
