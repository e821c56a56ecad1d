"""One expert more than top_k is looked up, which fails when all are taken."""

import torch
import torch.nn.functional as F


def noisy_top_k_gating(x, Wg, Wnoise, noise, *, top_k=1):
    w = torch.float64 if x.dtype == torch.float64 else torch.float32
    y = x.to(w)
    deviation = F.softplus(y @ Wnoise.to(w), threshold=60.0)
    H = y @ Wg.to(w) + noise.to(w) * deviation
    values, chosen = H.topk(top_k + 1, -1)
    values, chosen = values[:, :top_k], chosen[:, :top_k]
    out = torch.zeros_like(H).scatter(1, chosen, torch.softmax(values, -1))
    return out.to(x.dtype)
