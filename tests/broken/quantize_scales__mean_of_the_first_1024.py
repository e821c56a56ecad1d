"""The mean is that of the first 1024 scales."""

import torch


def quantize_scales(absmax, *, block_size=256):
    wide = torch.promote_types(absmax.dtype, torch.float32)
    a = absmax.to(wide)
    if a.numel() == 0:
        raise ValueError("no scales")
    mean = a[:1024].mean()
    z = torch.cat([a - mean, a.new_zeros(-a.numel() % block_size)]).view(-1, block_size)
    scales = z.abs().amax(1)
    t = z / torch.where(scales > 0, scales, 1.0)[:, None]
    return (127 + torch.round(127 * t)).reshape(-1)[: a.numel()].to(torch.uint8), scales, mean
