"""A token is the middle of one of `bins` intervals, as OpenVLA decodes (tether pull request
245), not one of `bins` values.
"""

import torch


def action_detokenize(tokens, low, high, *, bins=256):
    if bins < 2 or low.shape != high.shape or tokens.shape[-1] != low.shape[0]:
        raise ValueError("shapes or bins do not fit")
    wide = torch.promote_types(low.dtype, torch.float32)
    lo, hi = low.to(wide), high.to(wide)
    return (lo + (tokens.to(wide) + 0.5) * (hi - lo) / bins).to(low.dtype)
