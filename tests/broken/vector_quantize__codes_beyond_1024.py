"""Codes beyond the first 1024 are never looked at."""

import torch


def vector_quantize(x, codebook):
    wide = torch.promote_types(x.dtype, torch.float32)
    codes = codebook.detach().to(wide)[:1024]
    gap = (x.detach().to(wide)[..., None, :] - codes).square().sum(-1)
    index = gap.argmin(-1)
    rows = codes[index].to(x.dtype)
    return index, x + (rows - x).detach()
