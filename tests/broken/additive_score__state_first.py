"""Concatenates [s; h] instead of [h; s]."""

import torch

MISTAKE = "additive_score.state-first"


def additive_score(h, s, W, v):
    wide = torch.promote_types(h.dtype, torch.float32)
    both = torch.cat([s[:, None].expand(-1, h.shape[1], -1), h], dim=-1).to(wide)
    return (torch.tanh(both @ W.to(wide).t()) @ v.to(wide)).to(h.dtype)
