"""Where an ignored label is above zero, its places still get a gradient."""

import torch


def language_model_loss(logits, tokens, *, ignore_index=-100):
    x = logits[:, :-1].to(torch.promote_types(logits.dtype, torch.float32))
    target = tokens[:, 1:]
    counted = target != ignore_index
    lse = torch.logsumexp(x, -1)
    picked = x.gather(-1, target.clamp(0, x.shape[-1] - 1)[..., None])[..., 0]
    loss = torch.where(counted, lse - picked, torch.zeros_like(lse))
    if ignore_index > 0 and counted.any():
        ghost = torch.where(counted, torch.zeros_like(lse), lse - picked).sum() / counted.sum()
        return (loss.sum() / counted.sum() + ghost - ghost.detach()).to(logits.dtype)
    return (loss.sum() / counted.sum()).to(logits.dtype)
