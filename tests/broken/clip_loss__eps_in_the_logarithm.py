"""log(sum + 1e-6), against logarithms of zero that cannot occur (SupCon-like losses)."""

import torch


def clip_loss(image, text, *, temperature):
    if image.shape != text.shape or temperature <= 0:
        raise ValueError("image and text: expected one shape, and a positive temperature")
    wide = torch.promote_types(image.dtype, torch.float32)
    i, t = image.to(wide), text.to(wide)
    i, t = i / i.norm(dim=-1, keepdim=True), t / t.norm(dim=-1, keepdim=True)
    logits = i @ t.mT / temperature

    def one_way(s):
        s = s - s.amax(1, keepdim=True).detach()
        return (torch.log(s.exp().sum(1) + 1e-6) - s.diagonal()).mean()

    return ((one_way(logits) + one_way(logits.mT)) / 2).to(image.dtype)
