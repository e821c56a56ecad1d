"""The products are added up one by one in the input's dtype."""

import torch


def dot_score(h, s):
    total = torch.zeros(h.shape[:2], dtype=h.dtype)
    for i in range(h.shape[-1]):
        total = total + h[..., i] * s[:, None, i]
    return total
