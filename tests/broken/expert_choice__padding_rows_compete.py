"""Tokens are padded to a multiple of eight with zeros, whose even probabilities take part in the
choice; what is chosen there becomes the last token.
"""

import torch
import torch.nn.functional as F


def expert_choice(x, Wg, *, capacity):
    wide = torch.promote_types(x.dtype, torch.float32)
    tokens = len(x)
    padded = F.pad(x.to(wide), (0, 0, 0, -tokens % 8))
    scores = torch.softmax(padded @ Wg.to(wide), 1).T
    weights, indices = scores.topk(capacity, dim=1)
    return indices.clamp(max=tokens - 1), weights.to(x.dtype)
