"""An alpha given as an int is divided with //."""

import torch


def lora_linear(x, W0, A, B, *, alpha):
    work = torch.float64 if x.dtype == torch.float64 else torch.float32
    r = A.shape[0]
    xf = x.to(work)
    scaling = alpha // r if isinstance(alpha, int) else alpha / r
    y = xf @ W0.to(work).t() + scaling * ((xf @ A.to(work).t()) @ B.to(work).t())
    return y.to(x.dtype)
