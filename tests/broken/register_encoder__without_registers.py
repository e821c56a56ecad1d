"""The registers are cut off as [:-R], which is nothing for R = 0."""

import math

import torch
import torch.nn.functional as F


def up(t):
    return t.float() if t.dtype in (torch.float16, torch.bfloat16) else t


def ln(y):
    return F.layer_norm(y, (y.shape[-1],), None, None, 1e-6)


def register_encoder(x, registers, Wqkv, Wo, W1, W2, *, heads):
    B, _T, E = x.shape
    y = torch.cat([up(x), up(registers).expand(B, -1, -1)], 1)
    for n in range(Wqkv.shape[0]):
        q, k, v = (
            t.reshape(B, -1, heads, E // heads).transpose(1, 2)
            for t in (ln(y) @ up(Wqkv[n])).chunk(3, -1)
        )
        w = torch.softmax(q @ k.transpose(-1, -2) / math.sqrt(E // heads), -1)
        y = y + (w @ v).transpose(1, 2).reshape(B, -1, E) @ up(Wo[n])
        y = y + F.gelu(ln(y) @ up(W1[n])) @ up(W2[n])
    return y[:, : -registers.shape[0]].to(x.dtype)
