"""The batch norm uses the batch's statistics, padding included, before its scale and shift."""

import torch
import torch.nn.functional as F


def conformer_conv(x, gamma, beta, W1, kernel, scale, shift, W2, *, lengths=None, eps=1e-5):
    wide = torch.promote_types(x.dtype, torch.float32)
    gamma, beta, W1, kernel, scale, shift, W2 = (
        t.to(wide) for t in (gamma, beta, W1, kernel, scale, shift, W2)
    )
    valid = (
        torch.ones(x.shape[:2], dtype=torch.bool)
        if lengths is None
        else torch.arange(x.shape[1]) < lengths[:, None]
    )
    h = (
        F.glu(F.layer_norm(x.to(wide), (x.shape[-1],), gamma, beta, eps) @ W1, -1)
        * valid[..., None]
    )
    h = F.conv1d(
        h.transpose(1, 2), kernel[:, None], padding=kernel.shape[1] // 2, groups=kernel.shape[0]
    )
    h = (
        F.batch_norm(h, None, None, scale, shift, training=True).transpose(1, 2)
        if h.shape[0] * h.shape[2] > 1
        else h.transpose(1, 2)
    )
    return (F.silu(h) @ W2 * valid[..., None]).to(x.dtype)
