"""The running maximum starts at -50000: rows of lower logits give -inf or NaN."""

import torch

CONFORM = {"dtypes": ["float64", "float32", "bfloat16", "float16"]}


def language_model_loss(logits, tokens, *, ignore_index=-100):
    x = logits[:, :-1].to(torch.promote_types(logits.dtype, torch.float32))
    target = tokens[:, 1:]
    kept = target != ignore_index
    picked = x.gather(-1, target.masked_fill(~kept, 0)[..., None])[..., 0]
    loss = (
        (torch.exp(x - x.amax(-1, True).clamp(min=-5e4)).sum(-1).log() + x.amax(-1).clamp(min=-5e4))
        - picked
    ).masked_fill(~kept, 0)
    return (loss.sum() / kept.sum()).to(logits.dtype)
