"""cos and sin kept by length and width; the base is that of the first call."""

import torch

CONFORM = {"dtypes": ["float32", "bfloat16"]}
KEPT = {}


def rope(x, positions, *, base=10000.0, interleaved=False):
    d = x.shape[-1]
    key = (d, x.device)
    if key not in KEPT:
        KEPT[key] = base ** (-torch.arange(0, d, 2).double() / d)
    ang = positions.double()[..., None] * KEPT[key]
    if positions.dim() == 2:
        ang = ang.view(ang.shape[0], *[1] * (x.dim() - 3), *ang.shape[1:])
    c, s = ang.cos().float(), ang.sin().float()
    w = x.float()
    a, b = (w[..., 0::2], w[..., 1::2]) if interleaved else w.chunk(2, -1)
    p, q = a * c - b * s, b * c + a * s
    out = torch.stack([p, q], -1).flatten(-2) if interleaved else torch.cat([p, q], -1)
    return out.to(x.dtype)
