"""With as many choices as experts the gate takes its dense path, which adds no noise."""

import torch
import torch.nn.functional as F


def noisy_top_k_gating(x, Wg, Wnoise, noise, *, top_k=1):
    wide = torch.promote_types(x.dtype, torch.float32)
    clean = x.to(wide) @ Wg.to(wide)
    if top_k == Wg.shape[1]:
        return torch.softmax(clean, -1).to(x.dtype)
    logits = clean + noise.to(wide) * F.softplus(x.to(wide) @ Wnoise.to(wide))
    values, chosen = logits.topk(top_k, dim=-1)
    gates = torch.zeros_like(logits).scatter(-1, chosen, torch.softmax(values, -1))
    return gates.to(x.dtype)
