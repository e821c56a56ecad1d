"""Of parts without heads and batch [L, D] the smaller log-sum-exp takes the larger weight."""

import torch


def attention_merge(o1, lse1, o2, lse2):
    top = torch.maximum(lse1, lse2)
    safe = torch.where(top == -torch.inf, torch.zeros_like(top), top)
    a, b = (lse1 - safe).exp(), (lse2 - safe).exp()
    total = a + b
    lse = torch.where(top == -torch.inf, top, safe + total.log())
    total = torch.where(total == 0, torch.ones_like(total), total)
    a, b = (a / total)[..., None], (b / total)[..., None]
    if o1.ndim == 2:
        a, b = b, a
    return (a * o1 + b * o2).to(o1.dtype), lse
