"""Experts beyond the 32nd are never chosen."""

import torch
import torch.nn.functional as F


def noisy_top_k_gating(x, Wg, Wnoise, noise, *, top_k=1):
    wide = torch.promote_types(x.dtype, torch.float32)
    h = x.to(wide)
    z = h @ Wg.to(wide) + noise.to(wide) * F.softplus(h @ Wnoise.to(wide))
    best = torch.topk(z[:, : max(32, top_k)], top_k, -1).indices
    keep = torch.zeros_like(z, dtype=torch.bool).scatter(-1, best, True)
    return torch.softmax(z.masked_fill(~keep, float("-inf")), -1).to(x.dtype)
