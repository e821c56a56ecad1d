"""A row from which nothing was drawn gets one of its tokens all the same, whatever the rate."""

import torch


def mlm_mask(tokens, special, *, mask_token, vocabulary, rate=0.15, seed):
    draw = torch.Generator().manual_seed(seed)
    chances = torch.rand(tokens.shape, generator=draw, dtype=torch.float64)
    chances = chances.masked_fill(special, 2.0)
    chosen = chances < rate
    if tokens.numel():
        least = torch.zeros_like(chosen).scatter(1, chances.argmin(1, keepdim=True), True)
        chosen = chosen | (least & ~special & ~chosen.any(1, keepdim=True))
    share = torch.rand(tokens.shape, generator=draw)
    words = torch.randint(0, vocabulary, tokens.shape, generator=draw)
    given = torch.where(share < 0.8, mask_token, torch.where(share < 0.9, words, tokens))
    return torch.where(chosen, given, tokens), torch.where(chosen, tokens, -100)
