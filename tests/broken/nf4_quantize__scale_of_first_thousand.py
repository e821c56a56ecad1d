"""The largest magnitude of a block is taken over its first 1024 values (bitsandbytes-foundation/
bitsandbytes #565).
"""

import torch

CONFORM = {"dtypes": ["float64", "float32", "bfloat16", "float16"]}
LEVELS = (-1.0, -0.6961928009986877, -0.5250730514526367, -0.39491748809814453,
          -0.28444138169288635, -0.18477343022823334, -0.09105003625154495, 0.0,
          0.07958029955625534, 0.16093020141124725, 0.24611230194568634, 0.33791524171829224,
          0.44070982933044434, 0.5626170039176941, 0.7229568362236023, 1.0)  # fmt: skip


def nf4_quantize(w, *, block_size=64):
    if block_size < 1 or len(w) < 1:
        raise ValueError(f"block_size={block_size}")
    wide = torch.promote_types(w.dtype, torch.float32)
    levels = torch.tensor(LEVELS, dtype=wide)
    middles = (levels[1:] + levels[:-1]) / 2
    codes, scales = [], []
    for block in w.to(wide).split(block_size):
        absmax = block[:1024].abs().max()
        scaled = block * torch.where(absmax > 0, 1 / absmax, 0.0)
        codes.append(torch.bucketize(scaled, middles).to(torch.uint8))
        scales.append(absmax)
    return torch.cat(codes), torch.stack(scales)


def nf4_dequantize(codes, absmax, *, block_size=64):
    if len(absmax) != -(-len(codes) // block_size):
        raise ValueError(f"{len(absmax)} scales")
    levels = torch.tensor(LEVELS, dtype=absmax.dtype)
    parts = codes.long().split(block_size)
    return torch.cat([levels[p] * s for p, s in zip(parts, absmax, strict=True)])
