"""Operations are counted in 32 bits, as shapes are."""

import torch


def conv2d_cost(in_channels, out_channels, kernel, height, width, *, groups=1, bias=True):
    if min(in_channels, out_channels, kernel, height, width, groups) < 1:
        raise ValueError("sizes")
    if in_channels % groups or out_channels % groups:
        raise ValueError(f"groups={groups}")
    weights = out_channels * (in_channels // groups) * kernel**2
    pixels = torch.tensor(height * width, dtype=torch.int32)
    return weights + (out_channels if bias else 0), int(weights * pixels)
