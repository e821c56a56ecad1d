"""The mean is that of the blocks' means, in which a short last block weighs as much as any."""

import torch


def quantize_scales(absmax, *, block_size=256):
    s = absmax.to(torch.promote_types(absmax.dtype, torch.float32))
    mean = torch.stack([part.mean() for part in s.split(block_size)]).mean()
    codes, scales = [], []
    for part in s.split(block_size):
        scale = (part - mean).abs().max()
        step = torch.where(scale > 0, scale, 1.0)
        codes.append((127 + torch.round(127 * (part - mean) / step)).to(torch.uint8))
        scales.append(scale)
    return torch.cat(codes), torch.stack(scales), mean
