"""x is normalised by itself, the residual is added to the result."""

import torch.nn.functional as F

MISTAKE = "add_rms_norm.added-after-the-norm"


def add_rms_norm(x, residual, gamma, *, eps=1e-6):
    normed = F.rms_norm(x.float(), x.shape[-1:], gamma.float(), eps).to(x.dtype)
    return normed + residual, x + residual
