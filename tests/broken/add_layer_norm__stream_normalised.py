"""The normalised values are handed on as the residual stream: a post-norm block in disguise."""

import torch.nn.functional as F

MISTAKE = "add_layer_norm.stream-normalised"


def add_layer_norm(x, residual, gamma, beta, *, eps=1e-5):
    total = (x + residual).float()
    y = F.layer_norm(total, x.shape[-1:], gamma.float(), beta.float(), eps).to(x.dtype)
    return y, y.clone()
