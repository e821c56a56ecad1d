"""Random tokens are drawn from one id too few."""

import torch


def mlm_mask(tokens, special, *, mask_token, vocabulary, rate=0.15, seed):
    if not 0 <= rate <= 1 or tokens.shape != special.shape:
        raise ValueError("bad input")
    g = torch.Generator().manual_seed(seed)
    B, L = tokens.shape
    chosen = (torch.rand(B, L, generator=g) < rate) & ~special
    kind = torch.rand(B, L, generator=g)
    other = torch.randint(max(vocabulary - 1, 1), (B, L), generator=g).to(tokens.dtype)
    inputs = torch.where(chosen & (kind < 0.8), mask_token, tokens)
    inputs = torch.where(chosen & (kind >= 0.8) & (kind < 0.9), other, inputs)
    return inputs, torch.where(chosen, tokens, -100)
