"""The norm stands before the convolution, as in a transformer."""

import torch.nn.functional as F

MISTAKE = "convnext_block.norm-before-convolution"


def convnext_block(x, kernel, bias, gamma, beta, W1, b1, W2, b2, scale, *, eps=1e-6):
    k, c = kernel.shape[-1], x.shape[-1]
    y = F.layer_norm(x, (c,), gamma, beta, eps).permute(0, 3, 1, 2)
    y = F.conv2d(y, kernel[:, None], bias, 1, k // 2, 1, c).permute(0, 2, 3, 1)
    return x + scale * F.linear(F.gelu(F.linear(y, W1.T, b1)), W2.T, b2)
