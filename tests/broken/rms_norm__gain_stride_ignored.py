"""The gain is read as if its numbers lay side by side (unsloth #10617)."""

import torch


def rms_norm(x, gamma, *, eps=1e-6):
    wide = torch.promote_types(x.dtype, torch.float32)
    h = x.to(wide)
    w = gamma
    if not gamma.is_contiguous() and gamma.stride(0) > 1:
        w = gamma.as_strided((gamma.shape[0],), (1,))
    root = torch.rsqrt(torch.mean(h * h, -1, keepdim=True) + eps)
    return (h * root * w.to(wide)).to(x.dtype)
