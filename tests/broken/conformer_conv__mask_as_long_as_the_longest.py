"""The mask is made for the longest length of the batch; frames behind it, where the batch was
padded further, keep what the module computes for them."""

import torch
import torch.nn.functional as F


def conformer_conv(x, gamma, beta, W1, kernel, scale, shift, W2, *, lengths=None, eps=1e-5):
    wide = torch.promote_types(x.dtype, torch.float32)
    B, T, E = x.shape
    pad = torch.zeros(B, T, 1, dtype=torch.bool)
    if lengths is not None:
        top = int(lengths.max())
        pad[:, :top, 0] = torch.arange(top) >= lengths[:, None]
    h = F.glu(F.layer_norm(x.to(wide), (E,), gamma.to(wide), beta.to(wide), eps) @ W1.to(wide), -1)
    h = h.masked_fill(pad, 0).transpose(1, 2)
    h = F.conv1d(h, kernel.to(wide)[:, None], padding=kernel.shape[-1] // 2, groups=E).transpose(
        1, 2
    )
    h = F.silu(h * scale.to(wide) + shift.to(wide)) @ W2.to(wide)
    return h.masked_fill(pad, 0).to(x.dtype)
