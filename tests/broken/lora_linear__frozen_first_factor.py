"""With a frozen first factor the branch sends no gradient to x (LoRA-FA)."""

import torch

CONFORM = {"dtypes": ["float64", "float32", "bfloat16", "float16"]}


def lora_linear(x, W0, A, B, *, alpha):
    wide = torch.promote_types(x.dtype, torch.float32)
    branch = (
        ((x if A.requires_grad else x.detach()).to(wide) @ A.to(wide).T)
        @ B.to(wide).T
        * (alpha / len(A))
    )
    return (x.to(wide) @ W0.to(wide).T + branch).to(x.dtype)
