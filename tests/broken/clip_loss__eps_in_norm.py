"""A small constant is added to the norms, which shrinks small embeddings."""

import torch
import torch.nn.functional as F


def clip_loss(image, text, *, temperature=1.0):
    wide = torch.promote_types(image.dtype, torch.float32)
    a, b = (x.to(wide) / (x.to(wide).norm(dim=-1, keepdim=True) + 1e-6) for x in (image, text))
    s, own = a @ b.T / temperature, torch.arange(image.shape[0])
    return ((F.cross_entropy(s, own) + F.cross_entropy(s.T, own)) / 2).to(image.dtype)
