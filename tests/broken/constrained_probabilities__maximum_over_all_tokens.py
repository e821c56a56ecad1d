"""The maximum is taken over all tokens, so that allowed ones far below it vanish."""

import torch


def constrained_probabilities(logits, allowed):
    wide = torch.promote_types(logits.dtype, torch.float32)
    z = logits.to(wide)
    e = torch.exp(z - z.amax(-1, keepdim=True)) * allowed
    total = e.sum(-1, keepdim=True)
    return torch.where(total > 0, e / torch.where(total > 0, total, 1.0), 0.0).to(logits.dtype)
