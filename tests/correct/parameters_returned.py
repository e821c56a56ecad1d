"""Weights handed back as nn.Parameter, as torch.nn.utils does where it makes them."""

import torch
from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_weights


def fold_batch_norm(weight, gamma, beta, mean, variance, *, eps=1e-5):
    return fuse_conv_bn_weights(weight, None, mean, variance, eps, gamma, beta)


def lora_init(out, in_, rank, *, seed):
    g = torch.Generator().manual_seed(seed)
    A = nn.Parameter(torch.empty(rank, in_))
    nn.init.kaiming_uniform_(A, a=5**0.5, generator=g)
    return A, nn.Parameter(torch.zeros(out, rank))


def mha_to_gqa(W, *, heads, kv_heads):
    return nn.Parameter(W.unflatten(1, (kv_heads, heads // kv_heads, -1)).mean(2).flatten(1))
