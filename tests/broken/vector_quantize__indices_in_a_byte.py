"""Codes are kept in eight bits; a codebook of more than 256 rows wraps around."""

import torch


def vector_quantize(x, codebook):
    wide = torch.promote_types(x.dtype, torch.float32)
    d = (x.to(wide)[..., None, :] - codebook.to(wide)).square().sum(-1)
    indices = d.argmin(-1).to(torch.uint8).long()
    return indices, x + (codebook[indices] - x).detach()
