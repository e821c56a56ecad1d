"""Norms run over all tokens and channels of a picture, as a group norm of one group does."""

import torch
import torch.nn.functional as F


def up(t):
    return t.to(torch.promote_types(t.dtype, torch.float32))


def normed(x, gamma, beta, eps):
    axes = (1, 2)
    mean = x.mean(axes, keepdim=True)
    variance = (x - mean).square().mean(axes, keepdim=True)
    return (x - mean) * torch.rsqrt(variance + eps) * up(gamma) + up(beta)


def metaformer_block(x, mixer, gamma1, beta1, gamma2, beta2, W1, b1, W2, b2, *, eps=1e-5):
    y = up(x)
    y = y + mixer(normed(y, gamma1, beta1, eps))
    h = F.gelu(normed(y, gamma2, beta2, eps) @ up(W1) + up(b1))
    return (y + h @ up(W2) + up(b2)).to(x.dtype)
