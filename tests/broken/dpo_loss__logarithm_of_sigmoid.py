"""log(sigmoid(x)) in two steps: minus infinity where the sigmoid underflows."""

import torch


def dpo_loss(chosen, rejected, chosen_reference, rejected_reference, *, beta):
    if beta <= 0:
        raise ValueError("beta")
    wide = torch.promote_types(chosen.dtype, torch.float32)
    a, b, c, d = (
        t.to(wide)
        for t in (chosen, rejected, chosen_reference.detach(), rejected_reference.detach())
    )
    return -torch.log(torch.sigmoid(beta * ((a - b) - (c - d)))).mean().to(chosen.dtype)
