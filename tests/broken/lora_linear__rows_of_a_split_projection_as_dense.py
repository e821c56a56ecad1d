"""Tokens are viewed as one matrix and handed on by address: rows that were split off a wider
tensor have a pitch.
"""

import torch


def _dense(rows):
    n, width = rows.shape
    return rows.as_strided((n, width), (width, 1)) if rows.stride(1) == 1 else rows


def lora_linear(x, W0, A, B, *, alpha):
    wide = torch.promote_types(x.dtype, torch.float32)
    rows = _dense(x.reshape(-1, x.shape[-1])).to(wide)
    y = rows @ W0.to(wide).mT + alpha / A.shape[0] * (rows @ A.to(wide).mT) @ B.to(wide).mT
    return y.reshape(*x.shape[:-1], W0.shape[0]).to(x.dtype)
