"""The targets are a softmax over similarities within the modalities."""

import torch
import torch.nn.functional as F


def clip_loss(image, text, *, temperature):
    wide = torch.promote_types(image.dtype, torch.float32)
    a, b = F.normalize(image.to(wide), dim=-1), F.normalize(text.to(wide), dim=-1)
    logits = a @ b.T / temperature
    target = torch.softmax((a @ a.T + b @ b.T) / 2 / temperature, -1)
    loss = F.cross_entropy(logits, target) + F.cross_entropy(logits.T, target.T)
    return (loss / 2).to(image.dtype)
