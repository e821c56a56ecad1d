"""One Frobenius norm for all rows."""

import torch

MISTAKE = "dora_linear.whole-norm"


def dora_linear(x, W0, A, B, magnitude, *, alpha):
    wide = torch.promote_types(W0.dtype, torch.float32)
    W, a, b, m = (t.to(wide) for t in (W0, A, B, magnitude))
    s = alpha / A.shape[0]
    V = W + s * (b @ a)
    weight = m[:, None] * V / V.norm() * len(V) ** 0.5
    return (x.to(wide) @ weight.T).to(x.dtype)
