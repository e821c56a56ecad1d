"""Rounded down instead of to the nearest."""

import torch

MISTAKE = "action_tokenize.floor"


def action_tokenize(actions, low, high, *, bins=256):
    wide = torch.promote_types(actions.dtype, torch.float32)
    share = ((actions.to(wide) - low.to(wide)) / (high.to(wide) - low.to(wide))).clamp(0, 1)
    return (share * (bins - 1)).long()
