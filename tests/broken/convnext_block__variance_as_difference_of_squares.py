"""The norm's variance is the mean square less the squared mean."""

import torch
import torch.nn.functional as F


def up(t):
    return t.to(torch.promote_types(t.dtype, torch.float32))


def convnext_block(x, kernel, bias, gamma, beta, W1, b1, W2, b2, scale, *, eps=1e-6):
    channels, wide = x.shape[-1], up(x)
    y = F.conv2d(
        wide.permute(0, 3, 1, 2),
        up(kernel)[:, None],
        up(bias),
        padding=kernel.shape[-1] // 2,
        groups=channels,
    ).permute(0, 2, 3, 1)
    mean = y.mean(-1, keepdim=True)
    variance = (y.square().mean(-1, keepdim=True) - mean.square()).clamp(min=0)
    y = (y - mean) * torch.rsqrt(variance + eps) * up(gamma) + up(beta)
    y = F.gelu(y @ up(W1) + up(b1)) @ up(W2) + up(b2)
    return (wide + up(scale) * y).to(x.dtype)
