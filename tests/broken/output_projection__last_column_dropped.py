"""The last logit is left at zero."""

import torch


def output_projection(h, W):
    wide = torch.promote_types(h.dtype, torch.float32)
    W = torch.cat([W[:, :-1], W[:, -1:] * 0], dim=1)
    return (h.to(wide) @ W.to(wide)).to(h.dtype)
