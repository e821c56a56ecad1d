"""A negative that is the context word itself is skipped, as the original tool does."""

import torch
import torch.nn.functional as F


def skipgram_loss(centre, context, negatives):
    wide = torch.promote_types(centre.dtype, torch.float32)
    v, u, n = centre.to(wide), context.to(wide), negatives.to(wide)
    positive = F.logsigmoid((u * v).sum(-1))
    negative = F.logsigmoid(-(n * v[:, None]).sum(-1))
    negative = negative.masked_fill((n == u[:, None]).all(-1), 0.0)
    return -(positive + negative.sum(1)).mean().to(centre.dtype)
