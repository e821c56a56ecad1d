"""The deviation of the noise comes from the gate's weights (yfzhang114/SliME #3)."""

import torch
import torch.nn.functional as F


def noisy_top_k_gating(x, Wg, Wnoise, noise, *, top_k=1):
    wide = torch.promote_types(x.dtype, torch.float32)
    h = x.to(wide)
    clean = h @ Wg.to(wide)
    logits = clean + noise.to(wide) * F.softplus(h @ Wg.to(wide))
    best = torch.topk(logits, top_k, -1).indices
    keep = torch.zeros_like(logits, dtype=torch.bool).scatter(-1, best, True)
    return torch.softmax(logits.masked_fill(~keep, float("-inf")), -1).to(x.dtype)
