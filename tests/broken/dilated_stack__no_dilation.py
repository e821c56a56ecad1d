"""Every layer looks at neighbours; the field grows by layers only."""

import torch
from torch.nn.functional import conv1d, pad

MISTAKE = "dilated_stack.no-dilation"


def dilated_stack(x, W, b):
    wide = torch.promote_types(x.dtype, torch.float32)
    y = x.to(wide).transpose(1, 2)
    for n in range(len(W)):
        y = pad(y, (W.shape[1] - 1, 0))
        y = conv1d(y, W[n].to(wide).permute(2, 1, 0), b[n].to(wide))
        y = torch.relu(y) if n + 1 < len(W) else y
    return y.transpose(1, 2).to(x.dtype)
