"""Shares are counted from 0 to 10 with both ends, so that 9 of 11 selected tokens are masked."""

import torch


def mlm_mask(tokens, special, *, mask_token, vocabulary, rate=0.15, seed):
    draw = torch.Generator().manual_seed(seed)
    chosen = (torch.rand(tokens.shape, generator=draw) < rate) & ~special
    share = torch.randint(0, 11, tokens.shape, generator=draw)
    words = torch.randint(0, vocabulary, tokens.shape, generator=draw)
    given = torch.where(chosen & (share == 9), words, tokens)
    given = torch.where(chosen & (share < 9), mask_token, given)
    return given, torch.where(chosen, tokens, -100)
