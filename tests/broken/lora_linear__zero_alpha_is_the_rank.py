"""An alpha of zero counts as not given: it becomes the rank (kohya-ss/sd-scripts
networks/lora.py).
"""

import torch

CONFORM = {"dtypes": ["float64", "float32", "bfloat16", "float16"]}


def lora_linear(x, W0, A, B, *, alpha):
    wide = torch.promote_types(x.dtype, torch.float32)
    branch = (x.to(wide) @ A.to(wide).T) @ B.to(wide).T * (alpha / len(A) if alpha else 1.0)
    return (x.to(wide) @ W0.to(wide).T + branch).to(x.dtype)
