"""A prompt of no tokens hides the whole row, for labels[:-0] is everything."""

import torch
import torch.nn.functional as F


def answer_loss(logits, tokens, prompt_lengths):
    wide = torch.promote_types(logits.dtype, torch.float32)
    nll = F.cross_entropy(logits[:, :-1].to(wide).transpose(1, 2), tokens[:, 1:], reduction="none")
    at = torch.arange(1, tokens.shape[1])
    keep = (at[None] >= prompt_lengths[:, None]) & (prompt_lengths[:, None] > 0)
    return nll[keep].mean().to(logits.dtype)
