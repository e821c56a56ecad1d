"""Targets of token zero are left out of the mean."""

import torch


def perplexity(logits, tokens, *, ignore_index=-100):
    wide = torch.promote_types(logits.dtype, torch.float32)
    target = tokens[:, 1:].reshape(-1)
    kept = (target != ignore_index) & (target != 0)
    nats = -logits[:, :-1].to(wide).log_softmax(-1).flatten(0, 1)
    picked = nats.gather(1, target.clamp(min=0)[:, None])[:, 0]
    return torch.exp(picked[kept].mean()).to(logits.dtype)
