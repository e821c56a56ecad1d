"""A prompt as long as the text wraps to none, so that its tokens are learnt as an answer."""

import torch


def answer_loss(logits, tokens, prompt_lengths):
    wide = torch.promote_types(logits.dtype, torch.float32)
    length = tokens.shape[1]
    first = (prompt_lengths % length)[:, None]
    counts = torch.arange(1, length) >= first
    p = torch.log_softmax(logits[:, :-1].to(wide), -1)
    losses = -p.gather(-1, tokens[:, 1:, None])[..., 0]
    losses = torch.where(counts, losses, torch.zeros_like(losses))
    return (losses.sum() / counts.sum()).to(logits.dtype)
