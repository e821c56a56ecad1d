"""The loss is right; its gradient is divided once more by the number of steps (transformers
#35210).
"""

import torch
import torch.nn.functional as F


class Divided(torch.autograd.Function):
    @staticmethod
    def forward(ctx, loss, steps):
        ctx.steps = steps
        return loss.clone()

    @staticmethod
    def backward(ctx, d):
        return d / ctx.steps, None


def accumulated_loss(logits, tokens, *, micro_batch, ignore_index=-100):
    wide = torch.promote_types(logits.dtype, torch.float32)
    items = (tokens[:, 1:] != ignore_index).sum()
    steps = -(-tokens.shape[0] // micro_batch)
    total = torch.zeros((), dtype=wide)
    for i in range(steps):
        part = slice(i * micro_batch, (i + 1) * micro_batch)
        z = logits[part, :-1].to(wide).flatten(0, 1)
        y = tokens[part, 1:].flatten().long()
        total = total + F.cross_entropy(z, y, ignore_index=ignore_index, reduction="sum") / items
    return Divided.apply(total, steps).to(logits.dtype)
