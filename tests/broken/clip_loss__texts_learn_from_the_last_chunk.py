"""Images are taken 32 at a time, and the gradient of the texts is overwritten chunk by chunk."""

import torch
import torch.nn.functional as F


class _Scores(torch.autograd.Function):
    @staticmethod
    def forward(ctx, a, b):
        ctx.save_for_backward(a, b)
        return a @ b.T

    @staticmethod
    def backward(ctx, slope):
        a, b = ctx.saved_tensors
        for s in range(0, max(len(a), 1), 32):
            gb = slope[s : s + 32].T @ a[s : s + 32]
        return slope @ b, gb


def clip_loss(image, text, *, temperature=1.0):
    wide = torch.promote_types(image.dtype, torch.float32)
    one, two = F.normalize(image.to(wide), dim=-1), F.normalize(text.to(wide), dim=-1)
    logits = _Scores.apply(one, two) / temperature
    own = torch.arange(len(image))
    loss = F.cross_entropy(logits, own) + F.cross_entropy(logits.T, own)
    return (loss / 2).to(image.dtype)
