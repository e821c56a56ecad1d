"""Beyond 8192 features the gain starts again at its beginning."""

import torch


def add_layer_norm(x, residual, gamma, beta, *, eps=1e-5):
    wide = torch.promote_types(x.dtype, torch.float32)
    s = (x.to(wide) + residual.to(wide)).to(x.dtype)
    y = s.to(wide)
    centred = y - y.mean(-1, keepdim=True)
    square = centred.square().mean(-1, keepdim=True)
    gamma = gamma[torch.arange(len(gamma)) % 8192]
    out = centred * torch.rsqrt(square + eps) * gamma + beta
    return out.to(x.dtype), s
