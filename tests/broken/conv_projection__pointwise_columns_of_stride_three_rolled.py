"""A kernel of one pixel is multiplied in by a path that begins at the last column for a stride of
three.
"""

import torch
import torch.nn.functional as F


def conv_projection(x, kernel, W, *, stride=1):
    wide = torch.promote_types(x.dtype, torch.float32)
    size = kernel.shape[-1]
    y = x.to(wide)
    if size == 1:
        mixed = (y * kernel.to(wide)[:, 0, 0])[:, ::stride, ::stride]
        mixed = torch.roll(mixed, 1, 2) if stride == 3 else mixed
    else:
        y = y.permute(0, 3, 1, 2)
        mixed = F.conv2d(
            y, kernel.to(wide)[:, None], stride=stride, padding=size // 2, groups=len(kernel)
        )
        mixed = mixed.permute(0, 2, 3, 1)
    return (mixed.flatten(1, 2) @ W.to(wide)).to(x.dtype)
