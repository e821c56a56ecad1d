"""The base weight is taken for a Conv1D weight, [in, out], where it is square."""

import torch

MISTAKE = "lora_linear.fan-in-fan-out"


def lora_linear(x, W0, A, B, *, alpha):
    wide = torch.promote_types(x.dtype, torch.float32)
    x32, W, a, b = (t.to(wide) for t in (x, W0, A, B))
    base = x32 @ (W if W.shape[0] == W.shape[1] else W.T)
    return (base + alpha / A.shape[0] * (x32 @ a.T @ b.T)).to(x.dtype)
