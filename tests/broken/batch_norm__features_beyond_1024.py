"""One block of 1024 threads has a feature each; later features come back as they were."""

import torch

THREADS = 1024


def batch_norm(x, gamma, beta, *, eps=1e-5):
    wide = x if x.dtype == torch.float64 else x.float()
    variance, mean = torch.var_mean(wide, (0, 1), correction=0)
    normed = (wide - mean) * torch.rsqrt(variance + eps) * gamma + beta
    return torch.cat([normed[..., :THREADS], wide[..., THREADS:]], -1).to(x.dtype)
