"""The causal padding is split over both ends."""

import torch
from torch.nn.functional import conv1d, pad

MISTAKE = "text_convolution.same-padding"


def text_convolution(x, W, b, *, dilation=1, causal=False):
    wide = torch.promote_types(x.dtype, torch.float32)
    reach = (len(W) - 1) * dilation if causal else 0
    y = pad(x.to(wide), (0, 0, reach // 2, reach - reach // 2))
    filters = W.to(wide).permute(2, 1, 0)
    y = conv1d(y.transpose(1, 2), filters, b.to(wide), dilation=dilation)
    return y.transpose(1, 2).to(x.dtype)
