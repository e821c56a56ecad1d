"""The maximum is floored at -1e4 as for masks of float16, so that sums of lower rows vanish."""

import torch


def softmax_merge(m1, l1, m2, l2):
    m = torch.maximum(m1, m2)
    used = m.clamp(min=-1e4)
    total = torch.exp(m1 - used) * l1 + torch.exp(m2 - used) * l2
    return torch.where(m == float("-inf"), m, used), total
