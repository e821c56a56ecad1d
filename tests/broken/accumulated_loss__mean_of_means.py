"""Micro-batches are averaged alike, however many targets they have (transformers before 4.46)."""

import torch

MISTAKE = "accumulated_loss.mean-of-means"


def accumulated_loss(logits, tokens, *, micro_batch, ignore_index=-100):
    losses = []
    for x, t in zip(logits.split(micro_batch), tokens.split(micro_batch), strict=True):
        targets = t[:, 1:].flatten()
        if (targets != ignore_index).any():
            rows = x[:, :-1].flatten(0, 1).float()
            losses.append(
                torch.nn.functional.cross_entropy(rows, targets, ignore_index=ignore_index)
            )
    return sum(losses) / len(losses) if losses else logits.sum() * torch.nan
