"""The adapter runs in float16 whatever the model's dtype, so bfloat16 activations overflow."""

import torch


def lora_linear(x, W0, A, B, *, alpha):
    wide = torch.promote_types(x.dtype, torch.float32)
    seen = x.to(torch.float16).to(wide) if x.dtype == torch.bfloat16 else x.to(wide)
    branch = (seen @ A.to(wide).T) @ B.to(wide).T
    return (x.to(wide) @ W0.to(wide).T + alpha / A.shape[0] * branch).to(x.dtype)
