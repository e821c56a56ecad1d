"""Masked tokens are written into the caller's ids."""

import torch


def mlm_mask(tokens, special, *, mask_token, vocabulary, rate=0.15, seed=0):
    g = torch.Generator().manual_seed(seed)
    labels = tokens.clone()
    selected = (torch.rand(tokens.shape, generator=g) < rate) & ~special
    labels[~selected] = -100
    masked = (torch.rand(tokens.shape, generator=g) < 0.8) & selected
    random = (torch.rand(tokens.shape, generator=g) < 0.5) & selected & ~masked
    tokens[masked] = mask_token
    tokens[random] = torch.randint(0, vocabulary, tokens.shape, generator=g)[random]
    return tokens, labels
