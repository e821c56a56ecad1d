"""A prompt that fills the row leaves the last token as its answer."""

import torch


def answer_loss(logits, tokens, prompt_lengths):
    wide = torch.promote_types(logits.dtype, torch.float32)
    L = tokens.shape[1]
    kept = torch.arange(1, L) >= prompt_lengths.clamp(max=L - 1)[:, None]
    nats = -logits[:, :-1].to(wide).log_softmax(-1).gather(-1, tokens[:, 1:, None])[..., 0]
    return nats[kept].mean().to(logits.dtype)
