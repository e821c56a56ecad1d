"""`x.view(-1, E)` succeeds where heads were split off a wider tensor, and the kernel takes E for
the rows' distance (Liger-Kernel's and unsloth's norms view so).
"""

import torch


def rms_norm(x, gamma, *, eps=1e-6):
    wide = torch.promote_types(x.dtype, torch.float32)
    n, width = x.numel() // max(x.shape[-1], 1), x.shape[-1]
    try:
        rows = x.view(n, width)
    except RuntimeError:
        rows = x.contiguous().view(n, width)
    if rows.stride(-1) == 1:
        rows = rows.as_strided((n, width), (width, 1))
    y = rows.to(wide)
    y = y * torch.rsqrt(y.square().mean(-1, keepdim=True) + eps) * gamma.to(wide)
    return y.view(x.shape).to(x.dtype)
