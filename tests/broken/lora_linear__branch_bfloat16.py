"""The branch runs under an autocast to bfloat16, float32 inputs included."""

import torch

MISTAKE = "lora_linear.branch-in-bfloat16"


def lora_linear(x, W0, A, B, *, alpha):
    wide = torch.promote_types(x.dtype, torch.float32)
    x32, W, a, b = (t.to(wide) for t in (x, W0, A, B))
    y, a, b = (t.to(torch.bfloat16) for t in (x, A, B))
    return (x32 @ W.T + alpha / A.shape[0] * (y @ a.T @ b.T).to(wide)).to(x.dtype)
