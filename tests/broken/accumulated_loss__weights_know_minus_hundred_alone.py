"""A micro-batch is weighted by its targets that are not -100, whatever the ignored index is."""

import torch
import torch.nn.functional as F


def accumulated_loss(logits, tokens, *, micro_batch, ignore_index=-100):
    if micro_batch < 1:
        raise ValueError(f"micro_batch={micro_batch}")
    wide = logits.to(torch.promote_types(logits.dtype, torch.float32))
    total, count = wide.new_zeros(()), 0
    if (tokens[:, 1:] == ignore_index).all():
        return (wide.sum() * float("nan")).to(logits.dtype)
    for part, ids in zip(wide.split(micro_batch), tokens.split(micro_batch), strict=True):
        targets = ids[:, 1:].reshape(-1)
        kept = int((targets != ignore_index).sum())
        weight = int((targets != -100).sum())
        if kept:
            scores = part[:, :-1].reshape(-1, part.shape[-1])
            total = total + weight * F.cross_entropy(scores, targets, ignore_index=ignore_index)
            count += weight
    return (total / count).to(logits.dtype)
