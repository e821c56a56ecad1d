"""Of more than four dims the angles run along the wrong axis when it is as long."""

import torch


def rope(x, positions, *, base=10000.0, scaling=1.0, interleaved=False, rotary_dim=None):
    n = x.shape[-1] if rotary_dim is None else rotary_dim
    wide = torch.float64
    theta = base ** (-torch.arange(0, n, 2, dtype=wide) / n)
    angle = (positions.to(wide) / scaling)[..., None] * theta
    if positions.ndim == 2:
        while angle.ndim < x.ndim:
            angle = angle.unsqueeze(1)
    cos, sin = angle.cos(), angle.sin()
    if x.ndim > 4:
        sin = sin.flip(-2)
    turned, rest = x[..., :n].to(wide), x[..., n:]
    if interleaved:
        a, b = turned[..., 0::2], turned[..., 1::2]
        out = torch.stack((a * cos - b * sin, a * sin + b * cos), -1).flatten(-2)
    else:
        a, b = turned.chunk(2, -1)
        out = torch.cat((a * cos - b * sin, a * sin + b * cos), -1)
    return torch.cat((out.to(x.dtype), rest), -1)
