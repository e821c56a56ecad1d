"""The logit scale is clamped at ln(100) by its tensor's half-precision value and at 50 in
effect.
"""

import torch
import torch.nn.functional as F


def clip_loss(image, text, *, temperature=1.0):
    wide = torch.promote_types(image.dtype, torch.float32)
    a, b = F.normalize(image.to(wide), dim=-1), F.normalize(text.to(wide), dim=-1)
    s, own = a @ b.T * min(1 / temperature, 50.0), torch.arange(image.shape[0])
    return ((F.cross_entropy(s, own) + F.cross_entropy(s.T, own)) / 2).to(image.dtype)
