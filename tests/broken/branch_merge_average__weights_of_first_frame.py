"""The branches are pooled by their first frame instead of by attention over time."""

import torch


def branch_merge_average(a, b, pool_a, pool_b, weight_a, weight_b):
    wide = torch.promote_types(a.dtype, torch.float32)
    x, y = a.to(wide), b.to(wide)
    s = torch.stack((x.mean(1) @ weight_a.to(wide), y.mean(1) @ weight_b.to(wide)), -1)
    w = torch.softmax(s, -1)
    return (w[:, :1, None] * x + w[:, 1:, None] * y).to(a.dtype), w.to(a.dtype)
