"""The classifier reads the mean of all positions instead of [CLS]."""

import torch

MISTAKE = "next_sentence_loss.mean-pooled"


def next_sentence_loss(h, W, b, follows):
    logits = h.float().mean(1) @ W.float() + b.float()
    return torch.nn.functional.cross_entropy(logits, (~follows).long())
