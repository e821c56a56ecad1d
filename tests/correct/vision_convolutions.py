"""Convolutions and the blocks made of them by torch.nn.functional, in the input's dtype."""

import torch
import torch.nn.functional as F

CONFORM = {"dtypes": ["float64", "float32", "bfloat16", "float16"]}


def conv2d(x, weight, bias, *, stride=1, padding=0, groups=1):
    return F.conv2d(x, weight, bias, stride, padding, 1, groups)


def merge_kernels(large, small):
    gap = large.shape[-1] - small.shape[-1]
    if gap < 0 or gap % 2:
        raise ValueError("no common middle")
    return large + F.pad(small, [gap // 2] * 4)


def fold_batch_norm(weight, gamma, beta, mean, variance, *, eps=1e-5):
    t = gamma / torch.sqrt(variance + eps)
    return weight * t.reshape(-1, 1, 1, 1), beta - mean * t


def pooled_classifier(features, W, b):
    return F.linear(F.adaptive_avg_pool2d(features, 1).flatten(1), W.T, b)


def conv_projection(x, kernel, W, *, stride=1):
    k, e = kernel.shape[-1], x.shape[-1]
    y = F.conv2d(x.permute(0, 3, 1, 2), kernel[:, None], None, stride, k // 2, 1, e)
    return y.flatten(2).transpose(1, 2) @ W


def convnext_block(x, kernel, bias, gamma, beta, W1, b1, W2, b2, scale, *, eps=1e-6):
    k, c = kernel.shape[-1], x.shape[-1]
    y = F.conv2d(x.permute(0, 3, 1, 2), kernel[:, None], bias, 1, k // 2, 1, c)
    y = F.layer_norm(y.permute(0, 2, 3, 1), (c,), gamma, beta, eps)
    y = F.linear(F.gelu(F.linear(y, W1.T, b1)), W2.T, b2)
    return x + scale * y


def metaformer_block(x, mixer, gamma1, beta1, gamma2, beta2, W1, b1, W2, b2, *, eps=1e-5):
    width = x.shape[-1:]
    x = x + mixer(F.layer_norm(x, width, gamma1, beta1, eps))
    y = F.layer_norm(x, width, gamma2, beta2, eps)
    return x + F.linear(F.gelu(F.linear(y, W1.T, b1)), W2.T, b2)


def pool_mixer(x, *, pool_size=3):
    return F.avg_pool2d(x, pool_size, 1, pool_size // 2, count_include_pad=False) - x


def conv_receptive_field(kernel, layers, *, stride=1):
    if kernel < 1 or layers < 1:
        raise ValueError("sizes must be positive")
    reach, step = 1, 1
    for _ in range(layers):
        reach, step = reach + (kernel - 1) * step, step * stride
    return reach


def shift_attention(height, width, kernel):
    if kernel % 2 == 0:
        raise ValueError("an even kernel has no middle")
    pixels = torch.eye(height * width).reshape(height * width, 1, height, width)
    columns = F.unfold(pixels, kernel, padding=kernel // 2)
    return columns.permute(1, 2, 0).contiguous()
