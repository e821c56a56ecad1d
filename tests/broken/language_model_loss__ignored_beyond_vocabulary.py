"""An ignored label that is no token of the vocabulary is refused."""

import torch


def language_model_loss(logits, tokens, *, ignore_index=-100):
    x = logits[:, :-1].to(torch.promote_types(logits.dtype, torch.float32))
    target = tokens[:, 1:]
    if ignore_index >= x.shape[-1]:
        raise IndexError(f"target {ignore_index} is out of bounds")
    counted = target != ignore_index
    lse = torch.logsumexp(x, -1)
    picked = x.gather(-1, target.clamp(0, x.shape[-1] - 1)[..., None])[..., 0]
    loss = torch.where(counted, lse - picked, torch.zeros_like(lse))
    return (loss.sum() / counted.sum()).to(logits.dtype)
