"""The upper end becomes a token of its own, number `bins`."""

import torch

MISTAKE = "action_tokenize.one-bin-more"


def action_tokenize(actions, low, high, *, bins=256):
    wide = torch.promote_types(actions.dtype, torch.float32)
    share = ((actions.to(wide) - low.to(wide)) / (high.to(wide) - low.to(wide))).clamp(0, 1)
    return (share * bins).round().long()
