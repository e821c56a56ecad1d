"""A single token takes the matrix-vector path, which forgets the scaling (decode and prefill have
kernels of their own in Punica).
"""

import torch


def lora_linear(x, W0, A, B, *, alpha):
    work = torch.float64 if x.dtype == torch.float64 else torch.float32
    r = A.shape[0]
    xf = x.to(work)
    scaling = alpha / r
    scaling = 1.0 if x.dim() > 1 and x[..., 0].numel() == 1 else scaling
    y = xf @ W0.to(work).t() + scaling * ((xf @ A.to(work).t()) @ B.to(work).t())
    return y.to(x.dtype)
