"""The training-time moving average of the codebook runs at every call."""

import torch


def vector_quantize(x, codebook):
    wide = torch.promote_types(x.dtype, torch.float32)
    flat = x.detach().to(wide).flatten(0, -2)
    indices = torch.cdist(
        flat, codebook.detach().to(wide), compute_mode="donot_use_mm_for_euclid_dist"
    ).argmin(-1)
    q = codebook[indices].view(x.shape).detach().clone()
    with torch.no_grad():
        for i in indices.unique():
            codebook[i] = (0.99 * codebook[i].to(wide) + 0.01 * flat[indices == i].mean(0)).to(
                codebook.dtype
            )
    return indices.view(x.shape[:-1]), x + (q - x).detach()
