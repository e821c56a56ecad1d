"""The magnitude multiplies without a norm."""

import torch

MISTAKE = "dora_linear.not-normed"


def dora_linear(x, W0, A, B, magnitude, *, alpha):
    wide = torch.promote_types(W0.dtype, torch.float32)
    W, a, b, m = (t.to(wide) for t in (W0, A, B, magnitude))
    s = alpha / A.shape[0]
    V = W + s * (b @ a)
    return (x.to(wide) @ (m[:, None] * V).T).to(x.dtype)
