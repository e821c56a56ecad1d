"""Text sees every earlier image, not the last one alone."""

import torch

MISTAKE = "media_mask.all-images-before"


def media_mask(is_media, images, tokens):
    seen = is_media.long().cumsum(1).unsqueeze(-1)
    return seen > torch.arange(images).repeat_interleave(tokens)
