"""Axes of one are squeezed away, and of a single pair the negatives count as a batch."""

import torch


def skipgram_loss(centre, context, negatives):
    wide = torch.promote_types(centre.dtype, torch.float32)
    v, u, n = (x.to(wide) for x in (centre, context, negatives))
    good = torch.nn.functional.logsigmoid((u * v).sum(-1))
    far = torch.nn.functional.logsigmoid(-torch.einsum("bke,be->bk", n, v))
    if far.shape[0] == 1:
        return -(good + far.squeeze(0)).mean().to(centre.dtype)
    return -(good + far.sum(-1)).mean().to(centre.dtype)
