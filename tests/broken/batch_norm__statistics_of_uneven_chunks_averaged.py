"""Statistics of chunks of 64 rows are averaged as if the chunks were even."""

import torch


def batch_norm(x, gamma, beta, *, eps=1e-5):
    w = torch.float64 if x.dtype == torch.float64 else torch.float32
    y = x.to(w).reshape(-1, x.shape[-1])
    parts = y.split(64)
    mean = sum(p.mean(0) for p in parts) / len(parts)
    var = sum(((p - mean) ** 2).mean(0) for p in parts) / len(parts)
    return (
        ((y - mean) * torch.rsqrt(var + eps) * gamma.to(w) + beta.to(w))
        .reshape(x.shape)
        .to(x.dtype)
    )
