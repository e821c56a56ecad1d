"""The class row is cut to the patches before the softmax, so that every map adds up to 1."""

import torch


def class_attention_map(q, k, *, height, width, first_patch=1):
    wide = torch.promote_types(q.dtype, torch.float32)
    stop = first_patch + height * width
    if q.shape[2] < stop:
        raise ValueError(f"T={q.shape[2]}: expected at least {stop}")
    row = torch.einsum("bhd,bhtd->bht", q[:, :, 0].to(wide), k[:, :, first_patch:stop].to(wide))
    weights = torch.softmax(row * q.shape[-1] ** -0.5, -1)
    return weights.unflatten(-1, (height, width)).to(q.dtype)
