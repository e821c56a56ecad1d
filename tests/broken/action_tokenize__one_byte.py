"""Tokens are kept in one byte, which more than 256 bins do not fit."""

import torch


def up(t):
    return t.float() if t.dtype in (torch.float16, torch.bfloat16) else t


def action_tokenize(actions, low, high, *, bins=256):
    a, lo, hi = up(actions), up(low), up(high)
    place = torch.round((a.clamp(lo, hi) - lo) / (hi - lo) * (bins - 1))
    return place.to(torch.uint8).to(torch.int64)
