"""Divides by the largest value, so that a large negative weight falls off."""

import torch

MISTAKE = "nf4_quantize.signed-maximum"
LEVELS = (-1.0, -0.6961928009986877, -0.5250730514526367, -0.39491748809814453,
          -0.28444138169288635, -0.18477343022823334, -0.09105003625154495, 0.0,
          0.07958029955625534, 0.16093020141124725, 0.24611230194568634, 0.33791524171829224,
          0.44070982933044434, 0.5626170039176941, 0.7229568362236023, 1.0)  # fmt: skip


def nf4_quantize(w, *, block_size=64):
    wide = torch.promote_types(w.dtype, torch.float32)
    blocks = torch.nn.functional.pad(w.to(wide), (0, -len(w) % block_size)).view(-1, block_size)
    absmax = blocks.amax(1)
    scaled = blocks / torch.where(absmax == 0, 1.0, absmax)[:, None]
    levels = torch.tensor(LEVELS, dtype=wide)
    codes = (scaled.flatten()[: len(w), None] - levels).abs().argmin(1)
    return codes.to(torch.uint8), absmax
