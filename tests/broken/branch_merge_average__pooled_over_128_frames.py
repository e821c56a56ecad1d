"""The pooled score reads the first 128 frames."""

import torch


def score(x, pool, weight):
    x = x[:, :128]
    share = torch.softmax(x @ pool / x.shape[2] ** 0.5, 1)
    return (share[..., None] * x).sum(1) @ weight


def branch_merge_average(a, b, pool_a, pool_b, weight_a, weight_b):
    wide = torch.promote_types(a.dtype, torch.float32)
    x, y, pa, pb, wa, wb = (t.to(wide) for t in (a, b, pool_a, pool_b, weight_a, weight_b))
    w = torch.softmax(torch.stack([score(x, pa, wa), score(y, pb, wb)], 1), 1)
    merged = w[:, :1, None] * x + w[:, 1:, None] * y
    return merged.to(a.dtype), w.to(a.dtype)
