"""The sums are rescaled by way of the largest maximum of the whole call: rows far below it vanish
(HabanaAI/vllm-fork #275 subtracted one constant for all).
"""

import torch


def softmax_merge(m1, l1, m2, l2):
    m = torch.maximum(m1, m2)
    if m.numel() == 0:
        return m, l1 + l2
    top = m.max()
    if top == -torch.inf:
        return m, torch.zeros_like(l1 + l2)
    total = l1 * torch.exp(m1 - top) + l2 * torch.exp(m2 - top)
    back = torch.exp(top - torch.where(m == -torch.inf, top, m))
    return m, torch.where(total == 0, torch.zeros_like(total), total * back)
