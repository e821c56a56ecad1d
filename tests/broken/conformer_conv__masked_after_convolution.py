"""Padding is cleared at the end only, when the convolution has already read it."""

import torch
import torch.nn.functional as F


def conformer_conv(x, gamma, beta, W1, kernel, scale, shift, W2, *, lengths=None, eps=1e-5):
    wide = torch.promote_types(x.dtype, torch.float32)
    gamma, beta, W1, kernel, scale, shift, W2 = (
        t.to(wide) for t in (gamma, beta, W1, kernel, scale, shift, W2)
    )
    h = F.glu(F.layer_norm(x.to(wide), (x.shape[-1],), gamma, beta, eps) @ W1, -1)
    h = F.conv1d(
        h.transpose(1, 2), kernel[:, None], padding=kernel.shape[1] // 2, groups=kernel.shape[0]
    ).transpose(1, 2)
    h = F.silu(h * scale + shift) @ W2
    if lengths is not None:
        h = h * (torch.arange(x.shape[1]) < lengths[:, None])[..., None]
    return h.to(x.dtype)
