"""Factors of different pairs are multiplied."""

import torch

MISTAKE = "loha_delta.factors-crossed"


def loha_delta(A1, B1, A2, B2, *, alpha):
    wide = torch.promote_types(A1.dtype, torch.float32)
    a, b, c, d = (t.to(wide) for t in (A1, B1, A2, B2))
    s = alpha / A1.shape[0]
    return (s * (b @ c) * (d @ a)).to(A1.dtype)
