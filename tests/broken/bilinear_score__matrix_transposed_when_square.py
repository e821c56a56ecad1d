"""The two widths tell which way the matrix lies, and where they agree it is taken the other way."""

import torch


def bilinear_score(h, s, W):
    wide = torch.promote_types(h.dtype, torch.float32)
    w = W.to(wide)
    if h.shape[-1] == s.shape[-1]:
        w = w.T
    return torch.einsum("btd,de,be->bt", h.to(wide), w, s.to(wide)).to(h.dtype)
