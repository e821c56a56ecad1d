"""The number of a group is kept in a byte."""

import torch


def dequantize_scales(codes, scales, mean, *, block_size=256):
    wide = torch.promote_types(scales.dtype, torch.float32)
    n = codes.numel()
    if scales.numel() != -(-n // block_size):
        raise ValueError("scales")
    at = (torch.arange(n) // block_size) % 256
    return mean.to(wide) + scales.to(wide)[at] * (codes.long() - 127).to(wide) / 127
