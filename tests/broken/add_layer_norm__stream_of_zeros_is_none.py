"""A stream of zeros is taken for the first layer, which has none, and learns nothing."""

import torch
import torch.nn.functional as F


def add_layer_norm(x, residual, gamma, beta, *, eps=1e-5):
    wide = torch.promote_types(x.dtype, torch.float32)
    stream = x.to(wide)
    if bool(residual.any()):
        stream = stream + residual.to(wide)
    y = F.layer_norm(stream, x.shape[-1:], gamma.to(wide), beta.to(wide), eps)
    return y.to(x.dtype), stream.to(x.dtype)
