"""Only what the sublayer gave is normalised; the sum is right."""

import torch.nn.functional as F

MISTAKE = "add_layer_norm.norm-of-the-branch"


def add_layer_norm(x, residual, gamma, beta, *, eps=1e-5):
    y = F.layer_norm(x.float(), x.shape[-1:], gamma.float(), beta.float(), eps)
    return y.to(x.dtype), x + residual
