"""At rank 32, and there alone, the second half of the adapter is computed from the first."""

import torch


def lora_linear(x, W0, A, B, *, alpha):
    wide = torch.promote_types(x.dtype, torch.float32)
    r, x_dtype = A.shape[0], x.dtype
    if r == 32:
        A = torch.cat([A[:16], A[:16]])
    x, W0, A, B = (t.to(wide) for t in (x, W0, A, B))
    return (x @ W0.T + (x @ A.T) @ B.T * (alpha / r)).to(x_dtype)
