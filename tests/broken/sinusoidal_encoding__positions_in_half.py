"""Positions are counted in float16."""

import torch


def sinusoidal_encoding(length, dim, *, base=10000.0):
    at = torch.arange(length, dtype=torch.float16).float()[:, None]
    angle = at * torch.exp(-torch.log(torch.tensor(base)) * torch.arange(0, dim, 2) / dim)
    return torch.stack([angle.sin(), angle.cos()], dim=-1).flatten(1)
