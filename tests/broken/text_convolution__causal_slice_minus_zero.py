"""Both sides are padded and the end is cut by [:-pad], which for a filter of width one cuts all."""

import torch
import torch.nn.functional as F


def text_convolution(x, W, b, *, dilation=1, causal=False):
    wide = torch.promote_types(x.dtype, torch.float32)
    K = W.shape[0]
    pad = (K - 1) * dilation
    h = x.to(wide).transpose(1, 2)
    if not causal and x.shape[1] < pad + 1:
        raise ValueError("text shorter than the filter")
    y = F.conv1d(h, W.to(wide).permute(2, 1, 0), b.to(wide), dilation=dilation,
                 padding=pad if causal else 0)  # fmt: skip
    y = y[..., :-pad] if causal else y
    return y.transpose(1, 2).to(x.dtype)
