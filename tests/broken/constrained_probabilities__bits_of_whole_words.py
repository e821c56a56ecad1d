"""The allowed tokens are packed 32 to a word, and what is left of the vocabulary counts as
forbidden.
"""

import torch


def constrained_probabilities(logits, allowed):
    if logits.shape != allowed.shape:
        raise ValueError("allowed: expected the shape of the logits")
    c = torch.promote_types(logits.dtype, torch.float32)
    V = logits.shape[1]
    seen = allowed.clone()
    if V > 32:
        seen[:, V // 32 * 32 :] = False
    z = logits.to(c).masked_fill(~seen, -torch.inf)
    some = seen.any(-1, keepdim=True)
    return torch.where(some, torch.softmax(torch.where(some, z, 0.0), -1), 0.0).to(logits.dtype)
