"""The sum overwrites the residual, as engines do, without `mutates` to say so."""

import torch.nn.functional as F


def add_rms_norm(x, residual, gamma, *, eps=1e-6):
    if residual.requires_grad:
        residual = residual.clone()
    residual += x
    normed = F.rms_norm(residual.float(), x.shape[-1:], gamma.float(), eps).to(x.dtype)
    return normed, residual
