"""Every selected token becomes the mask token; nothing is replaced or kept."""

import torch

MISTAKE = "mlm_mask.always-masked"


def mlm_mask(tokens, special, *, mask_token, vocabulary, rate=0.15, seed):
    generator = torch.Generator().manual_seed(seed)
    selected = (torch.rand(tokens.shape, generator=generator) < rate) & ~special
    labels = torch.where(selected, tokens, torch.full_like(tokens, -100))
    return tokens.masked_fill(selected, mask_token), labels
