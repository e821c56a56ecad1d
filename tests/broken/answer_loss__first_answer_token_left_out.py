"""The mask is off by one: the first token of each answer is not learnt (NeMo #6409)."""

import torch
import torch.nn.functional as F


def answer_loss(logits, tokens, prompt_lengths):
    wide = torch.promote_types(logits.dtype, torch.float32)
    place = torch.arange(tokens.shape[1])
    answer = place >= prompt_lengths[:, None]
    labels = torch.where(answer[:, :-1], tokens[:, 1:].long(), -100)
    z = logits[:, :-1].to(wide).flatten(0, 1)
    return F.cross_entropy(z, labels.flatten()).to(logits.dtype)
