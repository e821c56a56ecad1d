"""Vectors without a batch dim are compared with all codes but the last."""

import torch


def vector_quantize(x, codebook):
    codes = codebook[:-1] if x.ndim == 2 and len(codebook) > 1 else codebook
    wide = torch.promote_types(x.dtype, torch.float32)
    distance = (x.to(wide)[..., None, :] - codes.to(wide)).square().sum(-1)
    chosen = distance.argmin(-1)
    return chosen, codebook[chosen]
