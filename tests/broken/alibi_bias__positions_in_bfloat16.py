"""Positions are counted in bfloat16."""

import torch


def alibi_bias(heads, Lq, Lk):
    p = 2 ** (heads.bit_length() - 1)
    m = [2.0 ** (-8.0 * (i + 1) / p) for i in range(p)]
    m = m + [2.0 ** (-4.0 * (2 * i + 1) / p) for i in range(heads - p)]
    i, j = (torch.arange(n, dtype=torch.float64) for n in (Lq, Lk))
    gap = j.to(torch.bfloat16).float() - (i + Lk - Lq).to(torch.bfloat16).float()[:, None]
    return torch.tensor(m)[:, None, None] * gap
