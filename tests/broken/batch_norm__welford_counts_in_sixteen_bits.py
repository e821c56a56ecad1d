"""Counts of the running mean are added in half precision: beyond 2048 rows they stop growing."""

import torch

CONFORM = {"dtypes": ["float64", "float32", "bfloat16", "float16"]}


def batch_norm(x, gamma, beta, *, eps=1e-5):
    wide = torch.promote_types(x.dtype, torch.float32)
    v = x.to(wide).reshape(-1, x.shape[-1])
    mean, m2, count = v[:0].sum(0), v[:0].sum(0), 0
    for at in range(0, v.shape[0], 64):
        part = v[at : at + 64]
        m, k = part.mean(0), part.shape[0]
        total = float(torch.tensor(float(count + k)).to(torch.float16))
        total = min(total, 2048.0)
        delta = m - mean
        mean = mean + delta * k / total
        m2 = m2 + ((part - m) ** 2).sum(0) + delta * delta * (count * k / total)
        count = total
    root = torch.rsqrt(m2 / count + eps)
    return ((x.to(wide) - mean) * root * gamma.to(wide) + beta.to(wide)).to(x.dtype)
