"""The reciprocal of the scale is taken in the input's dtype: float16 overflows for small blocks."""

import torch

CONFORM = {"dtypes": ["float16", "bfloat16"]}
NF4 = [
    -1.0, -0.6961928009986877, -0.5250730514526367, -0.39491748809814453, -0.28444138169288635,
    -0.18477343022823334, -0.09105003625154495, 0.0, 0.07958029955625534, 0.16093020141124725,
    0.24611230194568634, 0.33791524171829224, 0.44070982933044434, 0.5626170039176941,
    0.7229568362236023, 1.0,
]  # fmt: skip


def nf4_quantize(w, *, block_size=64):
    levels = torch.tensor(NF4)
    middles = (levels[1:] + levels[:-1]) / 2
    n = w.numel()
    padded = torch.nn.functional.pad(w, (0, -n % block_size)).view(-1, block_size)
    absmax = padded.abs().amax(1)
    inverse = torch.where(absmax > 0, 1 / absmax, torch.zeros_like(absmax))
    scaled = padded.float() * inverse.float()[:, None]
    codes = torch.bucketize(scaled.contiguous(), middles)
    return codes.view(-1)[:n].to(torch.uint8), absmax.float()
