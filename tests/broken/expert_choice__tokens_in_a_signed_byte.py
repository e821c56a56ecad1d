"""Chosen tokens are kept in eight bits with a sign, so that those beyond 127 are counted from the
end.
"""

import torch


def expert_choice(x, Wg, *, capacity):
    wide = torch.promote_types(x.dtype, torch.float32)
    if not 1 <= capacity <= len(x):
        raise ValueError(f"capacity={capacity}")
    scores = torch.softmax(x.to(wide) @ Wg.to(wide), 1).T
    weights, indices = scores.topk(capacity, dim=1)
    indices = indices.to(torch.int8).long() % len(x)
    return indices, weights.to(x.dtype)
