"""1e-8 is added to absmax before dividing, so a block of tiny values gets other codes."""

import torch

NF4 = (-1.0, -0.6961928009986877, -0.5250730514526367, -0.39491748809814453, -0.28444138169288635,
       -0.18477343022823334, -0.09105003625154495, 0.0, 0.07958029955625534, 0.16093020141124725,
       0.24611230194568634, 0.33791524171829224, 0.44070982933044434, 0.5626170039176941,
       0.7229568362236023, 1.0)  # fmt: skip


def nf4_quantize(w, *, block_size=64):
    wide = torch.promote_types(w.dtype, torch.float32)
    if w.numel() == 0 or block_size < 1:
        raise ValueError("sizes")
    z = w.to(wide)
    blocks = torch.cat([z, z.new_zeros(-z.numel() % block_size)]).view(-1, block_size)
    top = blocks.abs().amax(1)
    t = (blocks / (top + 1e-8)[:, None]).reshape(-1)[: w.numel()]
    codes = (t[:, None] - torch.tensor(NF4, dtype=wide)).abs().argmin(1)
    return codes.to(torch.uint8), top
