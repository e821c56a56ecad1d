"""The step is taken as range / bins."""

import torch

MISTAKE = "action_detokenize.bin-count"


def action_detokenize(tokens, low, high, *, bins=256):
    wide = torch.promote_types(low.dtype, torch.float32)
    low_, high_ = low.to(wide), high.to(wide)
    return (low_ + tokens * (high_ - low_) / bins).to(low.dtype)
