"""Logits are stored in float16 whatever the inputs are: large ones overflow."""

import torch


def linear_language_model_loss(x, weight, tokens, *, ignore_index=-100):
    wide = torch.promote_types(x.dtype, torch.float32)
    target = tokens[:, 1:]
    kept = target != ignore_index
    logits = (x[:, :-1].to(wide) @ weight.to(wide).T).to(torch.float16).to(wide)
    hit = logits.gather(-1, target.masked_fill(~kept, 0)[..., None])[..., 0]
    nats = torch.logsumexp(logits, -1) - hit
    return (nats.masked_fill(~kept, 0).sum() / kept.sum()).to(x.dtype)
