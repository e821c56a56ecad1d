"""The targets are counted in the dtype of the logits: bfloat16 holds no odd number above 256."""

import torch
import torch.nn.functional as F

CONFORM = {"dtypes": ["bfloat16", "float16"]}


def accumulated_loss(logits, tokens, *, micro_batch, ignore_index=-100):
    if micro_batch < 1:
        raise ValueError("micro_batch must be positive")
    total, items = 0.0, torch.zeros((), dtype=logits.dtype)
    for part, ids in zip(logits.split(micro_batch), tokens.split(micro_batch), strict=True):
        target = ids[:, 1:].reshape(-1).long()
        items = items + (target != ignore_index).sum().to(logits.dtype)
        flat = part[:, :-1].reshape(-1, part.shape[-1]).float()
        total = total + F.cross_entropy(flat, target, ignore_index=ignore_index, reduction="sum")
    return (total / items.float()).to(logits.dtype)
