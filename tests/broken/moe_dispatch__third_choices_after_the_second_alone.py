"""Each rank of choices begins behind the rank before it alone, as in code for two choices: third
choices forget the places that first ones took.
"""

import torch
import torch.nn.functional as F


def moe_dispatch(indices, *, experts, capacity):
    kept, before = [], torch.zeros(experts, dtype=torch.int64)
    for rank in range(indices.shape[1]):
        chosen = F.one_hot(indices[:, rank], experts)
        place = chosen.cumsum(0) - 1 + before
        kept.append((place * chosen).sum(1) < capacity)
        before = chosen.sum(0)
    return torch.stack(kept, 1)
