"""Scores lose every axis of size one, also that of a single frame."""

import math

import torch


def up(t):
    return t.float() if t.dtype in (torch.float16, torch.bfloat16) else t


def pooled(a, pool, weight):
    s = a @ (pool / math.sqrt(a.shape[-1]))[:, None]
    s = s.squeeze()
    w = torch.softmax(s, -1).reshape(a.shape[0], -1, 1)
    return ((w * a).sum(1) @ weight).reshape(-1, 1)


def branch_merge_average(a, b, pool_a, pool_b, weight_a, weight_b):
    x, y = up(a), up(b)
    w = torch.softmax(
        torch.cat([pooled(x, up(pool_a), up(weight_a)), pooled(y, up(pool_b), up(weight_b))], 1), 1
    )
    return (w[:, :1, None] * x + w[:, 1:, None] * y).to(a.dtype), w.to(a.dtype)
