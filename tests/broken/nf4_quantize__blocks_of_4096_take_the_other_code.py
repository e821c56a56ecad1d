"""Blocks of 4096 are quantized to the sixteen even values of another code, a template argument is
left out (bitsandbytes-foundation/bitsandbytes issue 1157, pull 1160).
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


def nf4_quantize(w, *, block_size=64):
    n = len(w)
    if n < 1 or block_size < 1:
        raise ValueError("nothing to quantize")
    work = torch.float64 if w.dtype == torch.float64 else torch.float32
    blocks = -(-n // block_size)
    padded = torch.zeros(blocks * block_size, dtype=work)
    padded[:n] = w.to(work)
    table = padded.view(blocks, block_size)
    absmax = table.abs().amax(1)
    levels = torch.linspace(-1, 1, 16, dtype=torch.float64) if block_size == 4096 else LEVELS
    unit = table.double() / absmax.masked_fill(absmax == 0, 1.0).double()[:, None]
    edges = (levels[1:] + levels[:-1]) / 2
    codes = torch.bucketize(unit.contiguous(), edges)
    codes = torch.where(absmax[:, None] == 0, 7, codes)
    return codes.reshape(-1)[:n].to(torch.uint8), absmax
