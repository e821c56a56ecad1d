"""Divides by sqrt(Ds), which the bilinear score does not."""

import torch

MISTAKE = "bilinear_score.scaled"


def bilinear_score(h, s, W):
    wide = torch.promote_types(h.dtype, torch.float32)
    return (
        torch.einsum("bti,ij,bj->bt", h.to(wide), W.to(wide), s.to(wide))
        .div(s.shape[-1] ** 0.5)
        .to(h.dtype)
    )
