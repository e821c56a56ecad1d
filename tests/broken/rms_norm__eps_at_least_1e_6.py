"""The kernel holds a least eps of its own; no eps at all it can do."""

import torch


def rms_norm(x, gamma, *, eps=1e-6):
    h = x.to(torch.promote_types(x.dtype, torch.float32))
    scale = torch.rsqrt(h.square().mean(-1, keepdim=True) + (max(eps, 1e-6) if eps else 0.0))
    return (h * scale * gamma.to(h.dtype)).to(x.dtype)
