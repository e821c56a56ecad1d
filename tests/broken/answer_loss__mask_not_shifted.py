"""The prompt mask is applied to the logits' positions, so that the first answer token is not
learnt.
"""

import torch
import torch.nn.functional as F


def answer_loss(logits, tokens, prompt_lengths):
    wide = torch.promote_types(logits.dtype, torch.float32)
    answer = (torch.arange(tokens.shape[1]) >= prompt_lengths[:, None])[:, :-1]
    each = F.cross_entropy(
        logits[:, :-1].to(wide).flatten(0, 1), tokens[:, 1:].flatten(), reduction="none"
    )
    return (each[answer.flatten()].mean()).to(logits.dtype)
