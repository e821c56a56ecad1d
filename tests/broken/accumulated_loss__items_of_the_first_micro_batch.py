"""The number of targets is taken from the first micro-batch and held to be that of each."""

import torch
import torch.nn.functional as F


def accumulated_loss(logits, tokens, *, micro_batch, ignore_index=-100):
    if micro_batch < 1:
        raise ValueError("micro_batch must be positive")
    wide = torch.promote_types(logits.dtype, torch.float32)
    total, items = 0.0, None
    for part, ids in zip(logits.split(micro_batch), tokens.split(micro_batch), strict=True):
        target = ids[:, 1:].reshape(-1).long()
        if items is None:
            items = (target != ignore_index).sum() / ids.shape[0] * tokens.shape[0]
        flat = part[:, :-1].reshape(-1, part.shape[-1]).to(wide)
        total = total + F.cross_entropy(flat, target, ignore_index=ignore_index, reduction="sum")
    return (total / items).to(logits.dtype)
