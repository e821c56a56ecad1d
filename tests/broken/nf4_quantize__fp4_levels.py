"""Levels of the 4-bit float type."""

import torch

MISTAKE = "nf4_quantize.fp4-codebook"
LEVELS = (-1.0, -2 / 3, -1 / 2, -1 / 3, -1 / 4, -1 / 6, -1 / 12, 0.0,
          1 / 192, 1 / 12, 1 / 6, 1 / 4, 1 / 3, 1 / 2, 2 / 3, 1.0)  # fmt: skip


def nf4_quantize(w, *, block_size=64):
    wide = torch.promote_types(w.dtype, torch.float32)
    blocks = torch.nn.functional.pad(w.to(wide), (0, -len(w) % block_size)).view(-1, block_size)
    absmax = blocks.abs().amax(1)
    scaled = blocks / torch.where(absmax == 0, 1.0, absmax)[:, None]
    levels = torch.tensor(LEVELS, dtype=wide)
    codes = (scaled.flatten()[: len(w), None] - levels).abs().argmin(1)
    return codes.to(torch.uint8), absmax
