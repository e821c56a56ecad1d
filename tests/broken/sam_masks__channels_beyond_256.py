"""The product runs over the 256 channels that the decoder has."""

import torch


def sam_masks(embedding, tokens):
    wide = torch.promote_types(embedding.dtype, torch.float32)
    pixels = embedding.to(wide).flatten(2)[:, None, :256]
    masks = tokens.to(wide)[..., :256] @ pixels
    return masks.unflatten(-1, embedding.shape[2:]).to(embedding.dtype)
