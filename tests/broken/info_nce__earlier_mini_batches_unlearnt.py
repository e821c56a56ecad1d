"""Mini-batches of 32 queries, of which only the last has a gradient (sentence-transformers
#3854).
"""

import torch
import torch.nn.functional as F


def info_nce(queries, keys, *, temperature):
    wide = torch.promote_types(queries.dtype, torch.float32)
    q, k = queries.to(wide), keys.to(wide)
    total = torch.zeros((), dtype=wide)
    for begin in range(0, len(q), 32):
        rows = q[begin : begin + 32]
        labels = torch.arange(begin, begin + len(rows))
        part = F.cross_entropy(rows @ k.T / temperature, labels, reduction="sum")
        total = total + (part if begin + 32 >= len(q) else part.detach())
    return (total / len(q)).to(queries.dtype)
