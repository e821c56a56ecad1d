"""Channels beyond the 64th have no bias."""

import torch
import torch.nn.functional as F


def text_cnn(x, W, b):
    wide = torch.promote_types(x.dtype, torch.float32)
    if x.shape[1] < W.shape[0]:
        raise ValueError("text shorter than the filter")
    c = b.to(wide) * (torch.arange(len(b)) < 64)
    y = F.conv1d(x.to(wide).transpose(1, 2), W.to(wide).permute(2, 1, 0), c)
    return torch.relu(y).amax(-1).to(x.dtype)
