"""Images are counted in an int8."""

import torch


def media_mask(is_media, images, tokens):
    if images < 1 or tokens < 1:
        raise ValueError("sizes")
    last = torch.cumsum(is_media.to(torch.int8), 1, dtype=torch.int8).long()
    at = torch.arange(images * tokens) // tokens + 1
    return last[..., None] == at
