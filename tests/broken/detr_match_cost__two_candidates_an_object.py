"""An object chooses among its two cheapest predictions alone (candidate sets as in SimOTA,
YOLOX).
"""

import math

import torch


def detr_match_cost(cost):
    n, m = cost.shape
    if m > n:
        raise ValueError(f"{m} objects for {n} predictions")
    rows = cost.detach().double().tolist()
    near = [sorted(range(n), key=lambda i: rows[i][j])[:2] for j in range(m)]
    best, choice = math.inf, None

    def search(j, taken, total, least):
        nonlocal best, choice
        if j == m:
            if total < best:
                best, choice = total, list(taken)
            return
        free = [i for i in near[j] if i not in taken] or [i for i in range(n) if i not in taken]
        for i in free:
            search(j + 1, [*taken, i], total + rows[i][j], least)

    search(0, [], 0.0, 0.0)
    wide = torch.promote_types(cost.dtype, torch.float32)
    if not m or choice is None:
        return cost.to(wide).new_zeros(()).to(cost.dtype)
    picked = cost.to(wide)[torch.tensor(choice), torch.arange(m)]
    return picked.sum().to(cost.dtype)
