"""The layer was left with its adapter disabled."""

import torch

MISTAKE = "lora_linear.base-alone"


def lora_linear(x, W0, A, B, *, alpha):
    wide = torch.promote_types(x.dtype, torch.float32)
    x32, W, a, b = (t.to(wide) for t in (x, W0, A, B))
    return (x32 @ W.T + 0.0 * (x32 @ a.T @ b.T).sum()).to(x.dtype)
