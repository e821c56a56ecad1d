"""The gathered copies each send their gradient back, which counts it twice."""

import torch
import torch.nn.functional as F


class Gather(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        return x.clone()

    @staticmethod
    def backward(ctx, g):
        return 2 * g


def clip_loss(image, text, *, temperature):
    wide = torch.promote_types(image.dtype, torch.float32)
    a, b = (F.normalize(Gather.apply(x).to(wide), dim=-1) for x in (image, text))
    logits = a @ b.T / temperature
    at = torch.arange(len(logits))
    return ((F.cross_entropy(logits, at) + F.cross_entropy(logits.T, at)) / 2).to(image.dtype)
