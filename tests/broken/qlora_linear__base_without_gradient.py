"""The quantised base runs under no_grad, so that lower layers learn through the branch alone."""

import torch

MISTAKE = "qlora_linear.base-detached"
LEVELS = (-1.0, -0.6961928009986877, -0.5250730514526367, -0.39491748809814453,
          -0.28444138169288635, -0.18477343022823334, -0.09105003625154495, 0.0,
          0.07958029955625534, 0.16093020141124725, 0.24611230194568634, 0.33791524171829224,
          0.44070982933044434, 0.5626170039176941, 0.7229568362236023, 1.0)  # fmt: skip


def qlora_linear(x, codes, absmax, A, B, *, alpha, block_size=64):
    wide = torch.promote_types(x.dtype, torch.float32)
    scale = absmax.repeat_interleave(block_size)[: len(codes)]
    weight = (torch.tensor(LEVELS, dtype=absmax.dtype)[codes.long()] * scale).to(wide)
    y, a, b = (t.to(wide) for t in (x, A, B))
    with torch.no_grad():
        base = y @ weight.view(len(B), -1).T
    return (base + alpha / len(A) * (y @ a.T @ b.T)).to(x.dtype)
