"""NF4 levels made by the published construction in double, not copied from the published list."""

import torch
from torch.distributions import Normal

CONFORM = {"dtypes": ["float32", "bfloat16", "float16"]}


def levels():
    tail = 0.9677083
    normal = Normal(torch.zeros((), dtype=torch.float64), torch.ones((), dtype=torch.float64))
    above = normal.icdf(torch.linspace(tail, 0.5, 9, dtype=torch.float64)[:-1])
    below = -normal.icdf(torch.linspace(tail, 0.5, 8, dtype=torch.float64)[:-1])
    table = torch.cat([below, torch.zeros(1, dtype=torch.float64), above]).sort().values
    return (table / table.max()).float()


def nf4_dequantize(codes, absmax, *, block_size=64):
    blocks = -(-codes.numel() // block_size)
    if absmax.shape != (blocks,):
        raise ValueError(f"{blocks} blocks, but {absmax.numel()} scales")
    wide = torch.promote_types(absmax.dtype, torch.float32)
    scale = absmax.to(wide).repeat_interleave(block_size)[: codes.numel()]
    return levels().to(wide)[codes.long()] * scale


def qlora_linear(x, codes, absmax, A, B, *, alpha, block_size=64):
    shape = (B.shape[0], A.shape[1])
    base = nf4_dequantize(codes, absmax, block_size=block_size).to(x.dtype).view(shape)
    return x @ base.T + (x @ A.T) @ B.T * (alpha / A.shape[0])
