"""A causal filter that reaches further back than the sequence is long is aligned wrongly (fla-org/
flash-linear-attention #1140).
"""

import torch

CONFORM = {"dtypes": ["float64", "float32", "bfloat16", "float16"]}


def text_convolution(x, W, b, *, dilation=1, causal=False):
    wide = torch.promote_types(x.dtype, torch.float32)
    reach, _length = (len(W) - 1) * dilation, x.shape[1]
    z = torch.nn.functional.pad(x.to(wide), (0, 0, reach, 0)) if causal else x.to(wide)
    if z.shape[1] <= reach:
        raise ValueError(f"{x.shape[1]} tokens: fewer than the filter's {reach + 1}")
    rows = z.shape[1] - reach
    if causal and rows < reach:
        z = z.roll(reach - rows, 1)
    out = b.to(wide)
    for n, tap in enumerate(W.to(wide)):
        out = out + z[:, n * dilation : n * dilation + rows] @ tap
    return out.to(x.dtype)
