"""Each sequence's answer is averaged first, so that short answers weigh more."""

import torch
import torch.nn.functional as F


def answer_loss(logits, tokens, prompt_lengths):
    wide = torch.promote_types(logits.dtype, torch.float32)
    answer = (torch.arange(tokens.shape[1]) >= prompt_lengths[:, None])[:, 1:]
    each = F.cross_entropy(logits[:, :-1].to(wide).transpose(1, 2), tokens[:, 1:], reduction="none")
    rows = answer.any(1)
    means = (each * answer).sum(1)[rows] / answer.sum(1)[rows]
    return means.mean().to(logits.dtype)
