"""With a stride the padding is shared out so that the last tap fits, which moves the grid for
even sizes.
"""

import torch
from torch.nn.functional import conv2d, pad


def conv_projection(x, kernel, W, *, stride=1):
    _B, H, Wd, E = x.shape
    c = torch.promote_types(x.dtype, torch.float32)
    k = kernel.shape[-1]
    sides = []
    for n in (Wd, H):
        need = max((-(-n // stride) - 1) * stride + k - n, 0)
        sides += [need // 2, need - need // 2]
    y = conv2d(
        pad(x.to(c).permute(0, 3, 1, 2), sides), kernel.to(c)[:, None], stride=stride, groups=E
    )
    return (y.permute(0, 2, 3, 1).flatten(1, 2) @ W.to(c)).to(x.dtype)
