"""Rows wider than 2048 are split in two halves; an odd one loses its last feature in the mean."""

import torch


def rms_norm(x, gamma, *, eps=1e-6):
    w = torch.promote_types(x.dtype, torch.float32)
    E = x.shape[-1]
    y = x.to(w)
    s = (
        y[..., : E // 2 * 2].square().sum(-1, keepdim=True)
        if E > 2048
        else y.square().sum(-1, keepdim=True)
    )
    return (y * (s / E + eps).rsqrt() * gamma.to(w)).to(x.dtype)
