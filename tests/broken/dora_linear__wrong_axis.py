"""The norm runs over the outputs where the layer is square."""

import torch

MISTAKE = "dora_linear.wrong-axis"


def dora_linear(x, W0, A, B, magnitude, *, alpha):
    wide = torch.promote_types(W0.dtype, torch.float32)
    W, a, b, m = (t.to(wide) for t in (W0, A, B, magnitude))
    s = alpha / A.shape[0]
    V = W + s * (b @ a)
    axis = 0 if W.shape[0] == W.shape[1] else 1
    weight = m.unsqueeze(axis) * V / V.norm(dim=axis, keepdim=True)
    return (x.to(wide) @ weight.T).to(x.dtype)
