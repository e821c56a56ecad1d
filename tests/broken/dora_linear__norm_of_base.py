"""The norm of the frozen weight, taken once."""

import torch

MISTAKE = "dora_linear.norm-of-base"


def dora_linear(x, W0, A, B, magnitude, *, alpha):
    wide = torch.promote_types(W0.dtype, torch.float32)
    W, a, b, m = (t.to(wide) for t in (W0, A, B, magnitude))
    s = alpha / A.shape[0]
    V = W + s * (b @ a)
    weight = m[:, None] * V / W.norm(dim=1, keepdim=True)
    return (x.to(wide) @ weight.T).to(x.dtype)
