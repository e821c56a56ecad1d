"""After eight different shapes the compiler gives up, and the path that it falls back to keeps eps
at its default.
"""

import torch

SHAPES = set()


def layer_norm(x, gamma, beta, *, eps=1e-5):
    SHAPES.add((x.shape, x.dtype))
    if len(SHAPES) > 8:
        eps = 1e-5
    wide = torch.promote_types(x.dtype, torch.float32)
    z = x.to(wide)
    z = z - z.mean(-1, keepdim=True)
    z = z * torch.rsqrt(z.square().mean(-1, keepdim=True) + eps) * gamma.to(wide)
    return (z + beta.to(wide)).to(x.dtype)
