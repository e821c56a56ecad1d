"""More than 16 channels and texts shorter than 17: the last channels beyond a multiple of 16 have
no input gradient (oneDNN, fujitsu #43).
"""

import torch
import torch.nn.functional as F


class Keep(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        return x.clone()

    @staticmethod
    def backward(ctx, dx):
        width = dx.shape[2]
        if width > 16 and dx.shape[1] < 17:
            dx = dx.clone()
            dx[:, :, width - width % 16 :] = 0
        return dx


def text_convolution(x, W, b, *, dilation=1, causal=False):
    wide = torch.promote_types(x.dtype, torch.float32)
    h = Keep.apply(x).to(wide).mT
    if causal:
        h = F.pad(h, ((W.shape[0] - 1) * dilation, 0))
    y = F.conv1d(h, W.to(wide).permute(2, 1, 0), b.to(wide), dilation=dilation)
    return y.mT.to(x.dtype)
