"""Marks beyond the images that were given are clipped to the last of them."""

import torch


def media_mask(is_media, images, tokens):
    if images < 1 or tokens < 1:
        raise ValueError(f"images={images}, tokens={tokens}")
    seen = is_media.long().cumsum(1).clamp(max=images)
    owner = torch.arange(images * tokens) // tokens + 1
    return seen[..., None] == owner
