"""The residual is added in place."""

import torch.nn.functional as F


def pre_norm_residual(x, sublayer, gamma, beta, *, eps=1e-5):
    y = sublayer(
        F.layer_norm(x.float(), x.shape[-1:], gamma.float(), beta.float(), eps).to(x.dtype)
    )
    out = x + y
    x.data.copy_(out.detach())
    return out
