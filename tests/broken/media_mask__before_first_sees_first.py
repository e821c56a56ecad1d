"""Text before the first image is clamped to image 0."""

import torch


def media_mask(is_media, images, tokens):
    seen = (is_media.long().cumsum(1) - 1).clamp(min=0)
    return seen[..., None] == torch.arange(images).repeat_interleave(tokens)
