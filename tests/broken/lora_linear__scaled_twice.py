"""alpha / r is applied inside of the branch and again where it is added."""

import torch

MISTAKE = "lora_linear.scaled-twice"


def lora_linear(x, W0, A, B, *, alpha):
    wide = torch.promote_types(x.dtype, torch.float32)
    x32, W, a, b = (t.to(wide) for t in (x, W0, A, B))
    s = alpha / A.shape[0]
    branch = s * (x32 @ a.T @ b.T)
    return (x32 @ W.T + s * branch).to(x.dtype)
