"""The norm forgets alpha / r."""

import torch

MISTAKE = "dora_linear.norm-unscaled"


def dora_linear(x, W0, A, B, magnitude, *, alpha):
    wide = torch.promote_types(W0.dtype, torch.float32)
    W, a, b, m = (t.to(wide) for t in (W0, A, B, magnitude))
    s = alpha / A.shape[0]
    V = W + s * (b @ a)
    weight = m[:, None] * V / (W + b @ a).norm(dim=1, keepdim=True)
    return (x.to(wide) @ weight.T).to(x.dtype)
