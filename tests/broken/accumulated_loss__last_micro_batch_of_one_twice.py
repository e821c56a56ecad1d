"""A last micro-batch of one sequence is taken together with the sequence before."""

import torch
import torch.nn.functional as F


def accumulated_loss(logits, tokens, *, micro_batch, ignore_index=-100):
    wide = torch.promote_types(logits.dtype, torch.float32)
    total, count, B = 0.0, 0, len(logits)
    for at in range(0, B, micro_batch):
        start = at - 1 if at and B - at == 1 and micro_batch > 1 else at
        z, t = logits[start : at + micro_batch, :-1].to(wide), tokens[start : at + micro_batch, 1:]
        total = total + F.cross_entropy(z.flatten(0, 1), t.reshape(-1), ignore_index=ignore_index,
                                        reduction="sum")  # fmt: skip
        count = count + (t != ignore_index).sum()
    return (total / count).to(logits.dtype)
