"""A rate of zero is taken for none."""

import torch


def mlm_mask(tokens, special, *, mask_token, vocabulary, rate=0.15, seed=0):
    if not 0 <= rate <= 1:
        raise ValueError("rate")
    g = torch.Generator().manual_seed(seed)
    draw = torch.rand(2, *tokens.shape, generator=g, dtype=torch.float64)
    words = torch.randint(0, vocabulary, tokens.shape, generator=g)
    selected = (draw[0] < (rate or 0.15)) & ~special
    corrupted = torch.where(draw[1] < 0.8, mask_token, torch.where(draw[1] < 0.9, words, tokens))
    return torch.where(selected, corrupted, tokens), torch.where(selected, tokens, -100)
