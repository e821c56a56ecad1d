"""The rows of the tokens have their stride, their columns are taken as adjacent."""

import torch


def language_model_loss(logits, tokens, *, ignore_index=-100):
    wide = torch.promote_types(logits.dtype, torch.float32)
    if tokens.dim() == 2 and tokens.stride(1) > 1 and tokens.shape[1] > 1:
        tokens = tokens.as_strided(tokens.shape, (tokens.stride(0), 1))
    targets = tokens[:, 1:]
    kept = targets != ignore_index
    p = torch.log_softmax(logits[:, :-1].to(wide), -1)
    safe = targets.masked_fill(~kept, 0).clamp(0, logits.shape[-1] - 1)
    chosen = p.gather(-1, safe[..., None])[..., 0]
    losses = torch.where(kept, -chosen, torch.zeros_like(chosen))
    return (losses.sum() / kept.sum()).to(logits.dtype)
