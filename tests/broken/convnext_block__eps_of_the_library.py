"""The norm's epsilon is the library's default of 1e-5 instead of the option's 1e-6."""

import torch
import torch.nn.functional as F


def convnext_block(x, kernel, bias, gamma, beta, W1, b1, W2, b2, scale, *, eps=1e-6):
    wide = torch.promote_types(x.dtype, torch.float32)
    kernel, bias, gamma, beta, W1, b1, W2, b2, scale = (
        t.to(wide) for t in (kernel, bias, gamma, beta, W1, b1, W2, b2, scale)
    )
    c, k = kernel.shape[0], kernel.shape[-1]
    h = F.conv2d(
        x.to(wide).permute(0, 3, 1, 2), kernel[:, None], bias, padding=k // 2, groups=c
    ).permute(0, 2, 3, 1)
    h = F.layer_norm(h, (c,), gamma, beta)
    h = F.gelu(h @ W1 + b1) @ W2 + b2
    return (x.to(wide) + scale * h).to(x.dtype)
