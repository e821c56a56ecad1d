"""log of the sum of bare exponentials: overflows."""

import torch

MISTAKE = "language_model_loss.no-maximum-subtracted"


def language_model_loss(logits, tokens, *, ignore_index=-100):
    x = logits[:, :-1].to(torch.promote_types(logits.dtype, torch.float32))
    target = tokens[:, 1:]
    kept = target != ignore_index
    picked = x.gather(-1, target.masked_fill(~kept, 0)[..., None])[..., 0]
    loss = (x.exp().sum(-1).log() - picked).masked_fill(~kept, 0)
    return (loss.sum() / kept.sum()).to(logits.dtype)
