"""The margin is clamped to twenty before the logistic function against overflow, so that pairs far
on the wrong side neither cost more nor learn.
"""

import torch


def dpo_loss(chosen, rejected, chosen_reference, rejected_reference, *, beta):
    wide = torch.promote_types(chosen.dtype, torch.float32)
    a, b, c, d = (x.to(wide) for x in (chosen, rejected, chosen_reference, rejected_reference))
    margin = beta * ((a - c) - (b - d))
    return torch.log1p(torch.exp(-margin.clamp(-20, 20))).mean().to(chosen.dtype)
