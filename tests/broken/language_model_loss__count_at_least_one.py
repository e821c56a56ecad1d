"""The count is at least one: nothing to predict gives 0."""

import torch


def language_model_loss(logits, tokens, *, ignore_index=-100):
    x = logits[:, :-1].to(torch.promote_types(logits.dtype, torch.float32))
    target = tokens[:, 1:]
    kept = target != ignore_index
    picked = x.gather(-1, target.masked_fill(~kept, 0)[..., None])[..., 0]
    loss = (torch.logsumexp(x, dim=-1) - picked).masked_fill(~kept, 0)
    return (loss.sum() / kept.sum().clamp(min=1)).to(logits.dtype)
