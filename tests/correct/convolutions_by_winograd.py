"""Convolutions by Winograd's F(2x2, 3x3) where kernels are 3x3 and strides 1, as on GPUs."""

import torch
import torch.nn.functional as F

CONFORM = {"dtypes": ["float32", "bfloat16"]}
G = torch.tensor([[1.0, 0, 0], [0.5, 0.5, 0.5], [0.5, -0.5, 0.5], [0, 0, 1.0]])
BT = torch.tensor([[1.0, 0, -1, 0], [0, 1, 1, 0], [0, -1, 1, 0], [0, 1, 0, -1]])
AT = torch.tensor([[1.0, 1, 1, 0], [0, 1, -1, -1]])


def conv2d(x, weight, bias, *, stride=1, padding=0, groups=1):
    if weight.shape[-1] != 3 or stride != 1:
        return F.conv2d(x, weight, bias, stride, padding, 1, groups)
    dtype = torch.promote_types(x.dtype, torch.float32)
    g, bt, at = (m.to(dtype) for m in (G, BT, AT))
    y = F.pad(x.to(dtype), (padding,) * 4)
    h, w = y.shape[2] - 2, y.shape[3] - 2
    y = F.pad(y, (0, w % 2, 0, h % 2))
    tiles = y.unfold(2, 4, 2).unfold(3, 4, 2)  # B, C, m, n, 4, 4
    V = torch.einsum("ij,bcmnjk,lk->bcmnil", bt, tiles, bt)
    U = torch.einsum("ij,ocjk,lk->ocil", g, weight.to(dtype), g)
    b, c, m, n = V.shape[:4]
    V = V.reshape(b, groups, c // groups, m, n, 4, 4)
    U = U.reshape(groups, -1, c // groups, 4, 4)
    M = torch.einsum("bgcmnil,gocil->bgomnil", V, U)
    out = torch.einsum("ij,bgomnjk,lk->bgominl", at, M, at)
    out = out.flatten(1, 2).flatten(2, 3).flatten(3, 4)[..., :h, :w]
    return (out + bias.to(dtype)[:, None, None]).to(x.dtype)
