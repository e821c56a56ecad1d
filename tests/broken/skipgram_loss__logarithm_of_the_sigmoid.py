"""The logarithm is taken of the sigmoid itself, which underflows for words far apart."""

import torch


def skipgram_loss(centre, context, negatives):
    wide = torch.promote_types(centre.dtype, torch.float32)
    v, u, n = centre.to(wide), context.to(wide), negatives.to(wide)
    good = torch.log(torch.sigmoid((u * v).sum(-1)))
    bad = torch.log(torch.sigmoid(-(n * v[:, None]).sum(-1))).sum(-1)
    return -(good + bad).mean().to(centre.dtype)
