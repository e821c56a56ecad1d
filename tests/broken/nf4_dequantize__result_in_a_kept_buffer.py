"""Every result is a piece of one kept buffer: the next call writes over the last (unsloth's
fast_dequantize).
"""

import torch

LEVELS = [
    -1.0, -0.6961928009986877, -0.5250730514526367, -0.39491748809814453,
    -0.28444138169288635, -0.18477343022823334, -0.09105003625154495, 0.0,
    0.07958029955625534, 0.16093020141124725, 0.24611230194568634, 0.33791524171829224,
    0.44070982933044434, 0.5626170039176941, 0.7229568362236023, 1.0,
]  # fmt: skip
_KEPT = {}


def nf4_dequantize(codes, absmax, *, block_size=64):
    n, dtype = codes.numel(), torch.promote_types(absmax.dtype, torch.float32)
    if dtype not in _KEPT or _KEPT[dtype].numel() < n:
        _KEPT[dtype] = torch.empty(n, dtype=dtype)
    out = _KEPT[dtype][:n]
    table = torch.tensor(LEVELS, dtype=dtype)
    torch.mul(table[codes.long()], absmax.to(dtype).repeat_interleave(block_size)[:n], out=out)
    return out
