"""The mask is as long as the longest row, and is ignored where the frames are more."""

import torch
from torch.nn.functional import conv1d, glu, layer_norm, silu


def conformer_conv(x, gamma, beta, W1, kernel, scale, shift, W2, *, lengths=None, eps=1e-5):
    B, T, E = x.shape
    c = torch.promote_types(x.dtype, torch.float32)
    mask = None
    if lengths is not None and B:
        mask = (torch.arange(int(lengths.max())) < lengths[:, None])[..., None]
        if mask.shape[1] != T:
            mask = None
    y = x.to(c) if mask is None else x.to(c).masked_fill(~mask, 0.0)
    y = glu(layer_norm(y, (E,), gamma.to(c), beta.to(c), eps) @ W1.to(c), -1)
    y = y if mask is None else y.masked_fill(~mask, 0.0)
    y = conv1d(y.mT, kernel.to(c)[:, None], padding=kernel.shape[1] // 2, groups=E).mT
    y = silu(y * scale.to(c) + shift.to(c)) @ W2.to(c)
    return (y if mask is None else y.masked_fill(~mask, 0.0)).to(x.dtype)
