"""Only the direction from images to texts is scored."""

import torch
from torch.nn.functional import cross_entropy, normalize

MISTAKE = "clip_loss.image-to-text-only"


def clip_loss(image, text, *, temperature):
    wide = torch.promote_types(image.dtype, torch.float32)
    image, text, dtype = image.to(wide), text.to(wide), image.dtype
    image, text = normalize(image, dim=-1), normalize(text, dim=-1)
    logits = image @ text.T / temperature
    labels = torch.arange(len(image))
    return cross_entropy(logits, labels).to(dtype)
