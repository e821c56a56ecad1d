"""Blocks of 1024 and more go to the kernel of another 4-bit format."""

import torch

MISTAKE = "nf4_quantize.fp4-in-large-blocks"

LEVELS = torch.tensor(
    [
        -1.0,
        -0.6961928009986877,
        -0.5250730514526367,
        -0.39491748809814453,
        -0.28444138169288635,
        -0.18477343022823334,
        -0.09105003625154495,
        0.0,
        0.07958029955625534,
        0.16093020141124725,
        0.24611230194568634,
        0.33791524171829224,
        0.44070982933044434,
        0.5626170039176941,
        0.7229568362236023,
        1.0,
    ],
    dtype=torch.float64,
)
OTHER = torch.linspace(-1, 1, 16, dtype=torch.float64)


def nf4_quantize(w, *, block_size=64):
    x = w.double()
    levels = LEVELS if block_size < 1024 else OTHER
    codes, scales = [], []
    for block in x.split(block_size):
        top = block.abs().max()
        unit = block / top if top > 0 else block * 0
        codes.append((unit[:, None] - levels).abs().argmin(-1))
        scales.append(top)
    return torch.cat(codes).to(torch.uint8), torch.stack(scales).float()
