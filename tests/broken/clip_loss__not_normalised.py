"""Raw inner products instead of cosines."""

import torch
from torch.nn.functional import cross_entropy

MISTAKE = "clip_loss.not-normalised"


def clip_loss(image, text, *, temperature):
    wide = torch.promote_types(image.dtype, torch.float32)
    image, text, dtype = image.to(wide), text.to(wide), image.dtype
    logits = image @ text.T / temperature
    labels = torch.arange(len(image))
    loss = cross_entropy(logits, labels) + cross_entropy(logits.T, labels)
    return (loss / 2).to(dtype)
