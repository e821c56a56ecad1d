"""The loss is computed in chunks of 512 pairs, whose labels all begin at 0."""

import torch
import torch.nn.functional as F


def clip_loss(image, text, *, temperature=1.0):
    wide = torch.promote_types(image.dtype, torch.float32)
    a, b = F.normalize(image.to(wide), dim=-1), F.normalize(text.to(wide), dim=-1)
    s = a @ b.T / temperature
    total = 0.0
    for part in (*s.split(512), *s.T.split(512)):
        total = total + F.cross_entropy(part, torch.arange(len(part)), reduction="sum")
    return (total / (2 * len(s))).to(image.dtype)
