"""Features gathered from other ranks carry no gradient; each side learns from one direction
only.
"""

import torch
import torch.nn.functional as F


def clip_loss(image, text, *, temperature=1.0):
    wide = torch.promote_types(image.dtype, torch.float32)
    a, b = F.normalize(image.to(wide), dim=-1), F.normalize(text.to(wide), dim=-1)
    own = torch.arange(a.shape[0])
    loss = F.cross_entropy(a @ b.detach().T / temperature, own) + F.cross_entropy(
        b @ a.detach().T / temperature, own
    )
    return (loss / 2).to(image.dtype)
