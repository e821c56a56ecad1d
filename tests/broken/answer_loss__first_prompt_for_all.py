"""Chosen and rejected are stacked, and only the first half's prompts are masked."""

import torch
import torch.nn.functional as F


def answer_loss(logits, tokens, prompt_lengths):
    wide = torch.promote_types(logits.dtype, torch.float32)
    mask = torch.ones_like(tokens, dtype=torch.bool)
    half = (len(tokens) + 1) // 2
    for row, n in zip(mask[:half], prompt_lengths[:half].tolist(), strict=False):
        row[:n] = False
    target = torch.where(mask, tokens, -100)[:, 1:]
    return F.cross_entropy(logits[:, :-1].to(wide).flatten(0, 1), target.flatten()).to(logits.dtype)
