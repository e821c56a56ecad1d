"""Codes are packed in pairs, and the last of an odd number stays the zero that the result began
with.
"""

import torch

LEVELS = torch.tensor(
    [
        -1.0, -0.6961928009986877, -0.5250730514526367, -0.39491748809814453, -0.28444138169288635,
        -0.18477343022823334, -0.09105003625154495, 0.0, 0.07958029955625534, 0.16093020141124725,
        0.24611230194568634, 0.33791524171829224, 0.44070982933044434, 0.5626170039176941,
        0.7229568362236023,
        1.0,
    ],
    dtype=torch.float64,
)  # fmt: skip


def nf4_dequantize(codes, absmax, *, block_size=64):
    n = len(codes)
    values = LEVELS[codes.long()] * absmax.double().repeat_interleave(block_size)[:n]
    if n % 2 and n > 1:
        values[-1] = 0
    return values.to(torch.float32)
