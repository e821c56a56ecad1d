"""Sequences that do not fill a last micro-batch of at least half its size are left out."""

import torch


def accumulated_loss(logits, tokens, *, micro_batch, ignore_index=-100):
    wide = torch.promote_types(logits.dtype, torch.float32)
    total, count = torch.zeros((), dtype=wide), 0
    for start in range(0, logits.shape[0], micro_batch):
        x, t = (y[start : start + micro_batch] for y in (logits, tokens))
        if start and x.shape[0] * 2 < micro_batch:
            continue
        targets = t[:, 1:]
        kept = targets != ignore_index
        p = torch.log_softmax(x[:, :-1].to(wide), -1)
        chosen = p.gather(-1, targets.masked_fill(~kept, 0)[..., None])[..., 0]
        total = total - torch.where(kept, chosen, torch.zeros_like(chosen)).sum()
        count = count + kept.sum()
    return (total / count).to(logits.dtype)
