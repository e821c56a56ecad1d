"""Alpha is kept in bfloat16 (kohya-ss/sd-scripts: "casting to bf16 changes alpha")."""

import torch

CONFORM = {"dtypes": ["float64", "float32", "bfloat16", "float16"]}


def lora_linear(x, W0, A, B, *, alpha):
    wide = torch.promote_types(x.dtype, torch.float32)
    branch = (
        (x.to(wide) @ A.to(wide).T)
        @ B.to(wide).T
        * (torch.tensor(float(alpha)).bfloat16().to(wide) / len(A))
    )
    return (x.to(wide) @ W0.to(wide).T + branch).to(x.dtype)
