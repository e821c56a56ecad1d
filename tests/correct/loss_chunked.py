"""Chunked loss: kept tokens only, eight at a time, sums carried along."""

import torch

CONFORM = {"dtypes": ["float64", "float32", "bfloat16", "float16"]}


def language_model_loss(logits, tokens, *, ignore_index=-100):
    wide = torch.promote_types(logits.dtype, torch.float32)
    target = tokens[:, 1:].flatten()
    kept = (target != ignore_index).nonzero()[:, 0]
    rows = logits[:, :-1].flatten(0, 1)
    total = rows[:0].to(wide).sum()
    for chunk in kept.split(8):
        x = rows[chunk].to(wide)
        x = x - x.detach().amax(-1, keepdim=True)
        hot = torch.nn.functional.one_hot(target[chunk], x.shape[-1]).bool()
        total = total + (x.exp().sum(-1).log() - x[hot]).sum()
    return (
        (total / len(kept)).to(logits.dtype) if len(kept) else (total * torch.nan).to(logits.dtype)
    )
