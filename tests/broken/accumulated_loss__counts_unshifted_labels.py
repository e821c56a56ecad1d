"""The number of items is counted over all labels, the first one included, which nothing
predicts.
"""

import torch
import torch.nn.functional as F


def accumulated_loss(logits, tokens, *, micro_batch, ignore_index=-100):
    if micro_batch < 1:
        raise ValueError("micro_batch")
    wide = torch.promote_types(logits.dtype, torch.float32)
    items = (tokens != ignore_index).sum()
    total = 0.0
    for a, t in zip(logits.to(wide).split(micro_batch), tokens.split(micro_batch), strict=False):
        total = total + F.cross_entropy(
            a[:, :-1].flatten(0, 1), t[:, 1:].flatten(), ignore_index=ignore_index, reduction="sum"
        )
    return (total / items).to(logits.dtype)
