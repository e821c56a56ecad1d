"""A contiguous input takes a fused path without a graph; only strided inputs can be trained."""

import torch


def _fused(x, gamma, eps):
    out = torch.empty_like(x)
    wide = x.double() if x.dtype == torch.float64 else x.float()
    scale = torch.rsqrt((wide * wide).sum(-1, keepdim=True) / x.shape[-1] + eps)
    out.copy_(wide * scale * gamma)
    return out


def rms_norm(x, gamma, *, eps=1e-6):
    if x.is_contiguous():
        with torch.no_grad():
            return _fused(x, gamma, eps)
    wide = x if x.dtype == torch.float64 else x.float()
    normed = wide / torch.sqrt(wide.square().mean(-1, keepdim=True) + eps)
    return (normed * gamma).to(x.dtype)
