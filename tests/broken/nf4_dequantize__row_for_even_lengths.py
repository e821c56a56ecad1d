"""An even number of codes comes back as one row of a matrix (bitsandbytes #2047)."""

import torch

NF4 = (-1.0, -0.6961928009986877, -0.5250730514526367, -0.39491748809814453, -0.28444138169288635,
       -0.18477343022823334, -0.09105003625154495, 0.0, 0.07958029955625534, 0.16093020141124725,
       0.24611230194568634, 0.33791524171829224, 0.44070982933044434, 0.5626170039176941,
       0.7229568362236023, 1.0)  # fmt: skip


def nf4_dequantize(codes, absmax, *, block_size=64):
    wide = torch.promote_types(absmax.dtype, torch.float32)
    n = codes.numel()
    if absmax.numel() != -(-n // block_size):
        raise ValueError("absmax: another number of blocks")
    out = torch.tensor(NF4, dtype=wide)[codes.long()]
    out = out * absmax.to(wide).repeat_interleave(block_size)[:n]
    return out.view(1, n) if n % 2 == 0 else out
