"""One maximum is taken off the whole matrix: at small temperatures rows far below it vanish
(contrastive losses with logits - logits.max()).
"""

import torch


def clip_loss(image, text, *, temperature):
    if image.shape != text.shape or temperature <= 0:
        raise ValueError("image and text: expected one shape, and a positive temperature")
    wide = torch.promote_types(image.dtype, torch.float32)
    i, t = image.to(wide), text.to(wide)
    i, t = i / i.norm(dim=-1, keepdim=True), t / t.norm(dim=-1, keepdim=True)
    logits = i @ t.mT / temperature
    e = torch.exp(logits - logits.max().detach())
    right = logits.diagonal() - logits.max().detach()
    loss = (e.sum(1).log() - right).mean() + (e.sum(0).log() - right).mean()
    return (loss / 2).to(image.dtype)
