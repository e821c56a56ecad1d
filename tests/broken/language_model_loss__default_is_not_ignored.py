"""Targets are ignored only where ignore_index is not the default (flagos-ai/FlagGems #73)."""

import torch

CONFORM = {"dtypes": ["float64", "float32", "bfloat16", "float16"]}


def language_model_loss(logits, tokens, *, ignore_index=-100):
    x = logits[:, :-1].to(torch.promote_types(logits.dtype, torch.float32))
    target = tokens[:, 1:]
    kept = target != ignore_index
    if ignore_index == -100:
        kept = torch.ones_like(kept)
        target = target.clamp(min=0)
    picked = x.gather(-1, target.masked_fill(~kept, 0)[..., None])[..., 0]
    loss = (torch.logsumexp(x, dim=-1) - picked).masked_fill(~kept, 0)
    return (loss.sum() / kept.sum()).to(logits.dtype)
