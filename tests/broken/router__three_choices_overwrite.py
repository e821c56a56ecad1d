"""Insertion for other numbers of choices than two and four forgets to shift what it displaces
(cutlass #1993).
"""

import torch


def router(x, Wg, *, top_k=1):
    wide = torch.promote_types(x.dtype, torch.float32)
    p = torch.softmax(x.to(wide) @ Wg.to(wide), -1)
    if top_k in (1, 2, 4):
        weights, indices = torch.topk(p, top_k, dim=-1)
        return indices, weights.to(x.dtype)
    best = []
    for row in p.detach().tolist():
        slots = list(range(top_k))
        slots.sort(key=lambda e, row=row: -row[e])
        for e in range(top_k, len(row)):
            for j in range(top_k):
                if row[e] > row[slots[j]]:
                    slots[j] = e
                    break
        best.append(slots)
    indices = torch.tensor(best, dtype=torch.int64).view(len(p), top_k)
    return indices, p.gather(1, indices).to(x.dtype)
