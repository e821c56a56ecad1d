"""softplus is the logarithm of one plus the exponential, which overflows."""

import torch


def noisy_top_k_gating(x, Wg, Wnoise, noise, *, top_k=1):
    kind = torch.float64 if x.dtype == torch.float64 else torch.float32
    wide = x.to(kind)
    spread = torch.log(1 + torch.exp(wide @ Wnoise.to(kind)))
    scores = wide @ Wg.to(kind) + noise.to(kind) * spread
    kept = scores.topk(top_k, -1).indices
    hidden = torch.ones_like(scores, dtype=torch.bool).scatter(1, kept, False)
    return torch.softmax(scores.masked_fill(hidden, float("-inf")), -1).to(x.dtype)
