"""Interpolated positions are cut to whole ones before the angles are made."""

import torch

MISTAKE = "rope_score.rounded-positions"


def rope_score(q, k, distance, *, base=10000.0, scaling=1.0):
    half = q.shape[-1] // 2
    theta = base ** (-torch.arange(half, dtype=torch.float64) / half)
    angle = torch.floor(distance.double() / scaling)[..., None] * theta
    turned = (
        torch.complex(*q.double().split(half, -1))
        * torch.complex(*k.double().split(half, -1)).conj()
    )
    return (turned * torch.polar(torch.ones_like(angle), angle)).real.sum(-1).to(q.dtype)
