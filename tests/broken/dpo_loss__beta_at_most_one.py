"""Beta is clamped to one."""

import torch
import torch.nn.functional as F


def dpo_loss(chosen, rejected, chosen_reference, rejected_reference, *, beta):
    if beta <= 0:
        raise ValueError("beta")
    wide = torch.promote_types(chosen.dtype, torch.float32)
    a, b = chosen.to(wide), rejected.to(wide)
    c, d = chosen_reference.detach().to(wide), rejected_reference.detach().to(wide)
    return -F.logsigmoid(min(beta, 1.0) * ((a - b) - (c - d))).mean().to(chosen.dtype)
