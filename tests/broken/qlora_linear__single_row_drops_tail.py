"""For a single row columns are read 32 at a time, and what is left over is not read."""

import torch


def up(t):
    return t.float() if t.dtype in (torch.float16, torch.bfloat16) else t


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


def qlora_linear(x, codes, absmax, A, B, *, alpha, block_size=64):
    wide = up(x)
    table = torch.tensor(LEVELS, dtype=absmax.dtype)
    scale = absmax.repeat_interleave(block_size)[: codes.numel()]
    W = (table[codes.long()] * scale).to(x.dtype).to(wide.dtype).reshape(B.shape[0], A.shape[1])
    n = x.shape[-1]
    if x.numel() == n and n > 32:
        whole = n - n % 32
        base = wide[..., :whole] @ W[:, :whole].T
    else:
        base = wide @ W.T
    return (base + (alpha / A.shape[0]) * ((wide @ up(A).T) @ up(B).T)).to(x.dtype)
