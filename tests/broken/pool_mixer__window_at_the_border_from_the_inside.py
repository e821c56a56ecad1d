"""At the border the window is moved inside, so that it always has all its pixels."""

import torch


def pool_mixer(x, *, pool_size=3):
    if pool_size % 2 == 0:
        raise ValueError("even")
    wide = torch.promote_types(x.dtype, torch.float32)
    z = x.to(wide)

    def table(n):
        k = min(pool_size, n)
        start = (torch.arange(n) - pool_size // 2).clamp(0, n - k)
        at = torch.arange(n)
        return ((at >= start[:, None]) & (at < start[:, None] + k)).to(wide) / k

    rows, cols = table(x.shape[2]), table(x.shape[3])
    return (torch.einsum("yi,xj,bcij->bcyx", rows, cols, z) - z).to(x.dtype)
