"""Divides by sqrt(D), which the sequence-to-sequence score does not."""

import torch

MISTAKE = "dot_score.scaled"


def dot_score(h, s):
    wide = torch.promote_types(h.dtype, torch.float32)
    return (h.to(wide) * s.to(wide)[:, None]).sum(-1).div(h.shape[-1] ** 0.5).to(h.dtype)
