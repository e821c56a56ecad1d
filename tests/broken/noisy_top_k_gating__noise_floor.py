"""A floor of 0.01 is added to the noise's deviation, as the first implementation has it."""

import torch
import torch.nn.functional as F


def noisy_top_k_gating(x, Wg, Wnoise, noise, *, top_k=1):
    if not 1 <= top_k <= Wg.shape[1]:
        raise ValueError(f"top_k={top_k}")
    wide = torch.promote_types(x.dtype, torch.float32)
    h = x.to(wide)
    logits = h @ Wg.to(wide) + noise.to(wide) * (F.softplus(h @ Wnoise.to(wide)) + 1e-2)
    best, where = logits.topk(top_k, -1)
    return torch.zeros_like(logits).scatter(-1, where, torch.softmax(best, -1)).to(x.dtype)
