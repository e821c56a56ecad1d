"""Two empty partial softmaxes merge to NaN."""

import torch

MISTAKE = "softmax_merge.divides-empty"


def softmax_merge(m1, l1, m2, l2):
    m = torch.maximum(m1, m2)
    safe = m
    return m, l1 * torch.exp(m1 - safe) + l2 * torch.exp(m2 - safe)
