"""With frozen images (a locked tower) the texts get half their gradient."""

import torch

CONFORM = {"dtypes": ["float64", "float32", "bfloat16", "float16"]}


class Backward(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, change):
        ctx.change = change
        return x.view_as(x)

    @staticmethod
    def backward(ctx, g):
        return ctx.change(g), None


def clip_loss(image, text, *, temperature):
    wide = torch.promote_types(image.dtype, torch.float32)
    a, b = (torch.nn.functional.normalize(t.to(wide), dim=-1, eps=1e-30) for t in (image, text))
    if not image.requires_grad:
        b = Backward.apply(b, lambda g: g / 2)
    s = a @ b.T / temperature
    target = torch.arange(len(s))
    loss = torch.nn.functional.cross_entropy
    return ((loss(s, target) + loss(s.T, target)) / 2).to(image.dtype)
