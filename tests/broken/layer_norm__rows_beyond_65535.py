"""The second grid dimension ends at 65535 blocks: later rows are never computed."""

import torch

GRID_LIMIT = 65535


def layer_norm(x, gamma, beta, *, eps=1e-5):
    rows = x.reshape(-1, x.shape[-1])
    out = torch.zeros_like(rows)
    done = rows[:GRID_LIMIT]
    wide = done if x.dtype == torch.float64 else done.float()
    variance, mean = torch.var_mean(wide, -1, correction=0, keepdim=True)
    normed = (wide - mean) * torch.rsqrt(variance + eps) * gamma + beta
    return torch.cat([normed.to(x.dtype), out[GRID_LIMIT:]]).reshape(x.shape)
