"""Vectors and codes are normalised before they are compared, as in a cosine codebook."""

import torch
import torch.nn.functional as F


def vector_quantize(x, codebook):
    wide = torch.promote_types(x.dtype, torch.float32)
    indices = (F.normalize(x.to(wide), dim=-1) @ F.normalize(codebook.to(wide), dim=-1).T).argmax(
        -1
    )
    return indices, x + (codebook[indices] - x).detach()
