"""Random words replace a tenth of what the mask token left, not a tenth of all selected."""

import torch


def mlm_mask(tokens, special, *, mask_token, vocabulary, rate=0.15, seed=0):
    g = torch.Generator().manual_seed(seed)
    selected = (torch.rand(tokens.shape, generator=g) < rate) & ~special
    masked = (torch.rand(tokens.shape, generator=g) < 0.8) & selected
    random = (torch.rand(tokens.shape, generator=g) < 0.1) & selected & ~masked
    words = torch.randint(0, vocabulary, tokens.shape, generator=g)
    out = torch.where(masked, mask_token, torch.where(random, words, tokens))
    return out, torch.where(selected, tokens, -100)
