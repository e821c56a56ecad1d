"""The scale of the noise is detached, so that its weights never learn."""

import torch
import torch.nn.functional as F


def noisy_top_k_gating(x, Wg, Wnoise, noise, *, top_k=1):
    if not 1 <= top_k <= Wg.shape[1]:
        raise ValueError("top_k is out of range")
    wide = torch.promote_types(x.dtype, torch.float32)
    h = x.to(wide)
    scale = F.softplus(h @ Wnoise.to(wide)).detach()
    H = h @ Wg.to(wide) + noise.to(wide) * scale
    kept, at = H.topk(top_k, -1)
    out = torch.full_like(H, float("-inf")).scatter(-1, at, kept)
    return out.softmax(-1).to(x.dtype)
