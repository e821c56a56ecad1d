"""Tokens that stay as they are get no label."""

import torch


def mlm_mask(tokens, special, *, mask_token=0, vocabulary=30522, rate=0.15, seed=0):
    if not 0 <= rate <= 1:
        raise ValueError(f"rate={rate}")
    source = torch.Generator().manual_seed(seed)
    chosen = (torch.rand(tokens.shape, generator=source) < rate) & ~special
    how = torch.rand(tokens.shape, generator=source)
    other = torch.randint(0, vocabulary, tokens.shape, generator=source)
    new = torch.where(how < 0.8, mask_token, torch.where(how < 0.9, other, tokens))
    labels = torch.where(chosen & (how < 0.9), tokens, -100)
    return torch.where(chosen, new, tokens), labels
