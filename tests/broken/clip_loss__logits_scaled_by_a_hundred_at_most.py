"""The scale 1 / temperature is capped at 100, as CLIP caps its learned one."""

import torch
import torch.nn.functional as F


def clip_loss(image, text, *, temperature):
    if not temperature > 0:
        raise ValueError("temperature")
    work = torch.float64 if image.dtype == torch.float64 else torch.float32
    a, b = image.to(work), text.to(work)
    a, b = a / a.norm(dim=-1, keepdim=True), b / b.norm(dim=-1, keepdim=True)
    logits = a @ b.t() * min(1 / temperature, 100.0)
    labels = torch.arange(len(logits))
    return ((F.cross_entropy(logits, labels) + F.cross_entropy(logits.t(), labels)) / 2).to(
        image.dtype
    )
