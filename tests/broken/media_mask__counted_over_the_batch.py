"""The running count of images goes on from one text of the batch to the next."""

import torch


def media_mask(is_media, images, tokens):
    if images < 1 or tokens < 1:
        raise ValueError("images and tokens: expected positive integers")
    count = is_media.reshape(-1).cumsum(0).view(is_media.shape)
    see = count[..., None] == torch.arange(1, images + 1)
    return see.repeat_interleave(tokens, -1)
