"""The first half is the gate."""

import torch
import torch.nn.functional as F

MISTAKE = "conformer_conv.glu-halves-swapped"


def conformer_conv(x, gamma, beta, W1, kernel, scale, shift, W2, *, lengths=None, eps=1e-5):
    lengths = torch.full((len(x),), x.shape[1]) if lengths is None else lengths
    e, k = x.shape[-1], kernel.shape[-1]
    valid = (torch.arange(x.shape[1]) < lengths[:, None])[..., None]
    y = F.layer_norm(x.masked_fill(~valid, 0), (e,), gamma, beta, eps)
    y = y @ W1
    y = (torch.sigmoid(y[..., :e]) * y[..., e:]).masked_fill(~valid, 0)
    y = F.conv1d(y.mT, kernel[:, None], padding=k // 2, groups=e).mT
    return (F.silu(y * scale + shift) @ W2).masked_fill(~valid, 0)
