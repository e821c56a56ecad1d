"""Special tokens are selected like any other."""

import torch

MISTAKE = "mlm_mask.special-masked"


def mlm_mask(tokens, special, *, mask_token, vocabulary, rate=0.15, seed):
    generator = torch.Generator().manual_seed(seed)
    selected = torch.rand(tokens.shape, generator=generator) < rate
    fate = torch.rand(tokens.shape, generator=generator)
    words = torch.randint(0, vocabulary, tokens.shape, generator=generator)
    changed = torch.where(fate < 0.8, mask_token, torch.where(fate < 0.9, words, tokens))
    labels = torch.where(selected, tokens, torch.full_like(tokens, -100))
    return torch.where(selected, changed, tokens), labels
