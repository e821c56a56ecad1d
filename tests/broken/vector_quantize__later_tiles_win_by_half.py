"""Codes are searched in tiles of 256, and a later tile wins only by half the distance."""

import torch


def vector_quantize(x, codebook):
    wide = torch.promote_types(x.dtype, torch.float32)
    flat = x.detach().to(wide).reshape(-1, x.shape[-1])
    best = index = None
    for at in range(0, len(codebook), 256):
        d = torch.cdist(
            flat,
            codebook[at : at + 256].detach().to(wide),
            compute_mode="donot_use_mm_for_euclid_dist",
        )
        near, which = d.min(-1)
        if best is None:
            best, index = near, which
        else:
            better = near < best * 0.5
            best, index = torch.where(better, near, best), torch.where(better, which + at, index)
    index = index.view(x.shape[:-1])
    code = codebook.detach()[index]
    return index, x + (code - x.detach()) if x.requires_grad else code
