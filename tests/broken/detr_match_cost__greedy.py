"""Objects take the cheapest prediction that is left, one after the other."""

import torch

MISTAKE = "detr_match_cost.greedy"


def detr_match_cost(cost):
    if cost.shape[1] > cost.shape[0]:
        raise ValueError("more objects than predictions")
    left, total = list(range(len(cost))), torch.zeros((), dtype=torch.float64)
    for column in cost.double().T:
        best = min(left, key=lambda n: column[n].item())
        left.remove(best)
        total = total + column[best]
    return total.to(cost.dtype)
