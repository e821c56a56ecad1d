"""Outputs beyond the 256th repeat."""

import torch


def loha_delta(A1, B1, A2, B2, *, alpha):
    wide = torch.promote_types(A1.dtype, torch.float32)
    d = (B1.to(wide) @ A1.to(wide)) * (B2.to(wide) @ A2.to(wide)) * (alpha / A1.shape[0])
    return d[torch.arange(len(d)) % 256].to(A1.dtype)
