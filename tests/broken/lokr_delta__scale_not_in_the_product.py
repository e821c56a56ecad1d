"""The scale is left out of the Kronecker product where the small factor is square (huggingface/peft
#2180).
"""

import torch

CONFORM = {"dtypes": ["float64", "float32", "bfloat16", "float16"]}


def lokr_delta(C, A, B, *, alpha):
    wide = torch.promote_types(C.dtype, torch.float32)
    scale = 1.0 if C.shape[0] == C.shape[1] else alpha / len(A)
    return (scale * torch.kron(C.to(wide), B.to(wide) @ A.to(wide))).to(C.dtype)
