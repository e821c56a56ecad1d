"""Logits outside the top k are set to zero rather than to minus infinity."""

import torch
import torch.nn.functional as F


def noisy_top_k_gating(x, Wg, Wnoise, noise, *, top_k=1):
    wide = torch.promote_types(x.dtype, torch.float32)
    h = x.to(wide)
    logits = h @ Wg.to(wide) + noise.to(wide) * F.softplus(h @ Wnoise.to(wide))
    value, place = logits.topk(top_k, -1)
    kept = torch.zeros_like(logits).scatter(1, place, value)
    return torch.softmax(kept, -1).to(x.dtype)
