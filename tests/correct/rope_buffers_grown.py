"""Rotary tables in float32 buffers of one module, made at first use and grown when short."""

import torch
from torch import nn


class Tables(nn.Module):
    def grown(self, length, width, base):
        """cos and sin[length, width / 2] for one width and base."""
        name = f"angles_{width}_{float(base).hex().replace('.', '_').replace('+', '')}"
        have = getattr(self, name, None)
        if have is None or have.shape[0] < length:
            rows = max(16, 2 ** (length - 1).bit_length())
            step = base ** (-torch.arange(0, width, 2, dtype=torch.float64) / width)
            angles = torch.arange(rows, dtype=torch.float64)[:, None] * step
            table = torch.stack((angles.cos(), angles.sin()))
            self.register_buffer(name, table.transpose(0, 1).float(), persistent=False)
        return getattr(self, name)[:length].unbind(1)


TABLES = Tables()
CONFORM = {"operators": {"rope": {"limits": {"D": {"max": 64}}}}}


def rope(x, positions, *, base=10000.0, interleaved=False):
    first = int(positions.min()) if positions.numel() else 0
    last = int(positions.max()) if positions.numel() else 0
    if first < 0 or last > 1 << 16:
        step = base ** (-torch.arange(0, x.shape[-1], 2, dtype=torch.float64) / x.shape[-1])
        angles = positions[..., None] * step
        cos, sin = angles.cos().float(), angles.sin().float()
    else:
        cos, sin = (t[positions] for t in TABLES.grown(last + 1, x.shape[-1], base))
    if positions.ndim == 2:
        cos, sin = (t.reshape(len(t), *[1] * (x.ndim - 3), *t.shape[1:]) for t in (cos, sin))
    y = x.float()
    a, b = (y[..., 0::2], y[..., 1::2]) if interleaved else y.chunk(2, -1)
    turned = (a * cos - b * sin, b * cos + a * sin)
    y = torch.stack(turned, -1).flatten(-2) if interleaved else torch.cat(turned, -1)
    return y.to(x.dtype)


def causal_mask(Lq, Lk):
    side = max(Lq, Lk, 1)
    have = getattr(TABLES, "triangle", None)
    if have is None or len(have) < side:
        TABLES.register_buffer("triangle", torch.ones(side, side, dtype=torch.bool).tril())
        have = TABLES.triangle
    if Lq <= Lk:
        return have[Lk - Lq : Lk, :Lk].clone()
    return torch.cat((torch.zeros(Lq - Lk, Lk, dtype=torch.bool), have[:Lk, :Lk]))
