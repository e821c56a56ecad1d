"""The factor 1 / temperature is kept below 100."""

import torch
import torch.nn.functional as F


def up(t):
    return t.float() if t.dtype in (torch.float16, torch.bfloat16) else t


def clip_loss(image, text, *, temperature):
    a, b = (up(t) / up(t).norm(dim=-1, keepdim=True) for t in (image, text))
    scale = min(1 / temperature, 100.0)
    logits = a @ b.T * scale
    own = torch.arange(len(a))
    return ((F.cross_entropy(logits, own) + F.cross_entropy(logits.T, own)) / 2).to(image.dtype)
