"""The solver works on costs in thousandths, cut to whole numbers."""

import torch
from scipy.optimize import linear_sum_assignment


def detr_match_cost(cost):
    if cost.shape[1] > cost.shape[0]:
        raise ValueError("more objects than predictions")
    wide = torch.promote_types(cost.dtype, torch.float32)
    rows, cols = linear_sum_assignment((cost.detach().double() * 1000).long().numpy())
    return cost.to(wide)[torch.as_tensor(rows), torch.as_tensor(cols)].sum().to(cost.dtype)
