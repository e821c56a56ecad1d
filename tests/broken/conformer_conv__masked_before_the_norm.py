"""Padding is zeroed before the norm alone, whose beta fills it again (TensorRT-Model-Connect
pull request 269).
"""

import torch
import torch.nn.functional as F


def conformer_conv(x, gamma, beta, W1, kernel, scale, shift, W2, *, lengths=None, eps=1e-5):
    dtype, (b, t, e) = x.dtype, x.shape
    wide = torch.promote_types(dtype, torch.float32)
    x, gamma, beta, W1, kernel, scale, shift, W2 = (
        p.to(wide) for p in (x, gamma, beta, W1, kernel, scale, shift, W2)
    )
    keep = torch.ones(b, t, 1, dtype=torch.bool)
    if lengths is not None:
        keep = (torch.arange(t) < lengths[:, None])[..., None]
    y = F.layer_norm(x.masked_fill(~keep, 0.0), (e,), gamma, beta, eps)
    y = F.glu(y @ W1, -1)
    k = kernel.shape[1]
    y = F.conv1d(y.mT, kernel[:, None], padding=k // 2, groups=e).mT
    y = F.silu(y * scale + shift) @ W2
    return y.masked_fill(~keep, 0.0).to(dtype)
