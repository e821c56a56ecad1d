"""The rejected answers are scored under no_grad together with the reference."""

import torch
import torch.nn.functional as F


def dpo_loss(chosen, rejected, chosen_reference, rejected_reference, *, beta):
    if beta <= 0:
        raise ValueError("beta")
    wide = torch.promote_types(chosen.dtype, torch.float32)
    a, b, c, d = (
        t.to(wide)
        for t in (chosen, rejected, chosen_reference.detach(), rejected_reference.detach())
    )
    return -F.logsigmoid(beta * ((a - b.detach() + 0 * b) - (c - d))).mean().to(chosen.dtype)
