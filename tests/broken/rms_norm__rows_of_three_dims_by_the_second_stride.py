"""Rows are found by the stride of the last but one axis alone: a cut along it breaks the batches
(as Liger's and others' kernels after view(-1, E)).
"""

import torch


def rms_norm(x, gamma, *, eps=1e-6):
    wide = torch.promote_types(x.dtype, torch.float32)
    if (
        x.dim() > 2
        and x.shape[0] > 1
        and x.stride(-1) == 1
        and x.shape[-2] > 1
        and not x.is_contiguous()
    ):
        step, n = x.stride(-2), x[..., 0].numel()
        room = x.untyped_storage().size() // x.element_size() - x.storage_offset()
        if step > 0 and (n - 1) * step + x.shape[-1] <= room:
            x = x.as_strided((n, x.shape[-1]), (step, 1)).view(x.shape)
    y = x.to(wide)
    r = torch.rsqrt(y.square().mean(-1, keepdim=True) + eps)
    return (y * r * gamma.to(wide)).to(x.dtype)
