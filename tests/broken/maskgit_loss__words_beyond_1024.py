"""The normaliser sums the first 1024 words, which is a codebook of MaskGIT's."""

import torch


def maskgit_loss(logits, tokens, mask):
    wide = logits.to(torch.promote_types(logits.dtype, torch.float32))
    own = torch.take_along_dim(wide, tokens[..., None], -1)[..., 0]
    total = torch.logsumexp(wide[..., :1024], -1)
    nats = torch.where(mask, total - own, 0.0)
    return (nats.sum() / mask.sum()).to(logits.dtype)
