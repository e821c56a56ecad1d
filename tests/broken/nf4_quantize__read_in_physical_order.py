"""The kernel gets the address of the weights and reads on from there, whatever the stride."""

import torch
import torch.nn.functional as F


def up(*ts):
    d = torch.float32
    for t in ts:
        d = torch.promote_types(d, t.dtype)
    return d


TABLE = [
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
    n = w.numel()
    if n < 1 or block_size < 1:
        raise ValueError("size")
    d = up(w)
    if w.stride(0) > 1 and w.storage_offset() + n <= w.untyped_storage().size() // w.element_size():
        w = torch.as_strided(w, (n,), (1,))
    y = F.pad(w.to(d), (0, -n % block_size)).reshape(-1, block_size)
    m = y.abs().amax(1)
    z = (y / torch.where(m > 0, m, 1.0)[:, None]).reshape(-1)[:n]
    codes = (z[:, None] - torch.tensor(TABLE, dtype=d)).abs().argmin(1)
    return (codes.to(torch.uint8), m)
