"""Classes go a hundred at a time, and each hundred is normalised by itself."""

import torch


def up(t):
    return t.float() if t.dtype in (torch.float16, torch.bfloat16) else t


def clip_zero_shot(image, classes, *, temperature):
    a, c = up(image), up(classes)
    a, c = a / a.norm(dim=-1, keepdim=True), c / c.norm(dim=-1, keepdim=True)
    s = a @ c.T / temperature
    p = torch.cat([torch.softmax(t, -1) for t in s.split(100, -1)], -1)
    return p.to(image.dtype)
