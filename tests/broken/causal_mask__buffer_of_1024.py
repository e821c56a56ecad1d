"""The mask is cut from a buffer made for 1024 positions; longer rows see all the keys beyond it
(GPT-2's registered bias).
"""

import torch


def causal_mask(Lq, Lk):
    mask = torch.arange(Lk) <= torch.arange(Lq)[:, None] + Lk - Lq
    if Lk > 1024:
        mask[:, 1024:] = True
    return mask
