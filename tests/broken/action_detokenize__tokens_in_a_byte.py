"""Tokens pass through a byte, which larger numbers of bins leave."""

import torch


def up(t):
    return t.to(torch.promote_types(t.dtype, torch.float32))


def action_detokenize(tokens, low, high, *, bins=256):
    if bins < 2 or low.shape != high.shape or tokens.shape[-1:] != low.shape:
        raise ValueError("shapes")
    t = tokens.to(torch.uint8).to(up(low).dtype)
    return (up(low) + t * (up(high) - up(low)) / (bins - 1)).to(low.dtype)
