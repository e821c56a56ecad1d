"""Negative samples are attracted like context words."""

import torch
from torch.nn.functional import logsigmoid

MISTAKE = "skipgram_loss.sign-of-negatives"


def skipgram_loss(centre, context, negatives):
    wide = torch.promote_types(centre.dtype, torch.float32)
    v = centre.to(wide)
    good = logsigmoid((context.to(wide) * v).sum(-1))
    bad = logsigmoid((negatives.to(wide) * v.unsqueeze(1)).sum(-1)).sum(-1)
    return -(good + bad).mean().to(centre.dtype)
