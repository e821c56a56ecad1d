"""The sign of a negative is -1.0 ** code, which Python reads as -(1.0 ** code) (gensim #653)."""

import torch
import torch.nn.functional as F


def skipgram_loss(centre, context, negatives):
    wide = torch.promote_types(centre.dtype, torch.float32)
    v = centre.to(wide)
    rows = torch.cat([context.to(wide)[:, None], negatives.to(wide)], 1)
    code = [0.0] + [1.0] * negatives.shape[1]
    sign = torch.tensor([-(1.0**c) for c in code], dtype=wide)
    score = (rows * v[:, None]).sum(-1)
    return -F.logsigmoid(sign * score).sum(-1).mean().to(centre.dtype)
