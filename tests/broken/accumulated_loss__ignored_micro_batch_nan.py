"""A micro-batch without targets puts NaN times zero into the sum."""

import torch
import torch.nn.functional as F


def accumulated_loss(logits, tokens, *, micro_batch, ignore_index=-100):
    wide = logits if logits.dtype == torch.float64 else logits.float()
    total, count = wide.new_zeros(()), 0
    for part, ids in zip(wide.split(micro_batch), tokens.split(micro_batch), strict=True):
        target = ids[:, 1:].reshape(-1)
        flat = part[:, :-1].reshape(-1, part.shape[-1])
        here = int((target != ignore_index).sum())
        total = total + F.cross_entropy(flat, target, ignore_index=ignore_index) * here
        count += here
    return (total / count).to(logits.dtype)
