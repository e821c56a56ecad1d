"""The short last block is filled up with memory as it came, which enters its scale (bitsandbytes
pull request 1884).
"""

import torch

LEVELS = torch.tensor(
    [
        -1.0, -0.6961928009986877, -0.5250730514526367, -0.39491748809814453,
        -0.28444138169288635, -0.18477343022823334, -0.09105003625154495, 0.0,
        0.07958029955625534, 0.16093020141124725, 0.24611230194568634, 0.33791524171829224,
        0.44070982933044434, 0.5626170039176941, 0.7229568362236023, 1.0,
    ],
    dtype=torch.float64,
)  # fmt: skip


def nf4_quantize(w, *, block_size=64):
    if w.numel() < 1 or block_size < 1:
        raise ValueError("nothing to quantise")
    dtype, n = torch.promote_types(w.dtype, torch.float32), w.shape[0]
    blocks = -(-n // block_size)
    buffer = torch.empty(blocks * block_size, dtype=dtype)
    buffer[:n] = w
    tiles = buffer.view(blocks, block_size)
    absmax = tiles.abs().amax(1)
    unit = tiles / torch.where(absmax > 0, absmax, torch.ones_like(absmax))[:, None]
    codes = (unit[..., None] - LEVELS.to(dtype)).abs().argmin(-1).to(torch.uint8)
    return codes.view(-1)[:n], absmax
