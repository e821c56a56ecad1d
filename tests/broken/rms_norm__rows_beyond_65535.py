"""The second grid dimension ends at 65535 blocks: later rows are never computed."""

import torch

GRID_LIMIT = 65535


def rms_norm(x, gamma, *, eps=1e-6):
    rows = x.reshape(-1, x.shape[-1])
    wide = rows if x.dtype == torch.float64 else rows.float()
    blocks = min(len(rows), GRID_LIMIT)
    done = wide[:blocks]
    normed = done * torch.rsqrt(done.pow(2).mean(-1, keepdim=True) + eps) * gamma
    rest = torch.zeros_like(wide[blocks:])
    return torch.cat([normed, rest]).to(x.dtype).reshape(x.shape)
