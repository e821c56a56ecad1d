"""One row stride, that of x, serves the residual as well."""

import torch


def add_rms_norm(x, residual, gamma, *, eps=1e-6):
    if x.stride() != residual.stride() and x.stride(-1) == residual.stride(-1) == 1:
        last = residual.storage_offset() + sum(
            (n - 1) * s for n, s in zip(x.shape, x.stride(), strict=False)
        )
        if last < residual.untyped_storage().size() // residual.element_size():
            residual = residual.as_strided(x.shape, x.stride())
    wide = torch.promote_types(x.dtype, torch.float32)
    total = x.to(wide) + residual.to(wide)
    rstd = torch.rsqrt(total.square().mean(-1, keepdim=True) + eps)
    return (total * rstd * gamma).to(x.dtype), total.to(x.dtype)
