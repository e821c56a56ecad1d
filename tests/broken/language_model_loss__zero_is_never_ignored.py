"""An ignore_index of zero counts as not given (invented: `if ignore_index:`)."""

import torch

CONFORM = {"dtypes": ["float64", "float32", "bfloat16", "float16"]}


def language_model_loss(logits, tokens, *, ignore_index=-100):
    x = logits[:, :-1].to(torch.promote_types(logits.dtype, torch.float32))
    target = tokens[:, 1:]
    kept = target != (ignore_index or -100)
    picked = x.gather(-1, target.masked_fill(~kept, 0)[..., None])[..., 0]
    loss = (torch.logsumexp(x, dim=-1) - picked).masked_fill(~kept, 0)
    return (loss.sum() / kept.sum()).to(logits.dtype)
