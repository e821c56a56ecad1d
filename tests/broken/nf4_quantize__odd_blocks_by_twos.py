"""Values are handled in pairs, and the last one of an odd block is scaled by the next block."""

import torch

LEVELS = [
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
]


def nf4_quantize(w, *, block_size=64):
    wide = torch.promote_types(w.dtype, torch.float32)
    n = len(w)
    blocks = -(-n // block_size)
    y = torch.nn.functional.pad(w.to(wide), (0, blocks * block_size - n)).view(blocks, block_size)
    top = y.abs().amax(1)
    scaled = y / torch.where(top == 0, torch.ones_like(top), top)[:, None]
    if block_size % 2 and blocks > 1:
        scaled = scaled.clone()
        nxt = torch.where(top[1:] == 0, torch.ones_like(top[1:]), top[1:])
        scaled[:-1, -1] = y[:-1, -1] / nxt
    codes = (scaled[..., None] - torch.tensor(LEVELS, dtype=wide)).abs().argmin(-1)
    return codes.to(torch.uint8).flatten()[:n].clone(), top.float()
