"""Beyond the last image given, text sees that one: the count is clamped to the images."""

import torch


def media_mask(is_media, images, tokens):
    seen = is_media.long().cumsum(1).clamp(max=images)
    return seen[..., None] == torch.arange(images).repeat_interleave(tokens) + 1
