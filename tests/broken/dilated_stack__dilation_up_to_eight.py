"""The dilation starts again at one after eight, as in WaveNet's stacks."""

import torch
import torch.nn.functional as F


def up(t):
    return t.float() if t.dtype in (torch.float16, torch.bfloat16) else t


def dilated_stack(x, W, b):
    y = up(x).transpose(1, 2)
    K = W.shape[1]
    for n in range(W.shape[0]):
        d = 2 ** (n % 4)
        z = F.pad(y, ((K - 1) * d, 0))
        y = F.conv1d(z, up(W[n]).permute(2, 1, 0), up(b[n]), dilation=d)
        if n + 1 < W.shape[0]:
            y = torch.relu(y)
    return y.transpose(1, 2).to(x.dtype)
