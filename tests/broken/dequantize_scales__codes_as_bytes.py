"""127 is subtracted while the codes are bytes, so that smaller ones wrap around."""

import torch


def dequantize_scales(codes, scales, mean, *, block_size=256):
    wide = torch.promote_types(scales.dtype, torch.float32)
    n = codes.numel()
    if scales.numel() != -(-n // block_size):
        raise ValueError("scales: another number of blocks")
    spread = scales.to(wide).repeat_interleave(block_size)[:n]
    return mean.to(wide) + spread * (codes - 127).to(wide) / 127
