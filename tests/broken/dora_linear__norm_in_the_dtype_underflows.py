"""Squares of small weights underflow in half precision: the norm is zero and the output infinite
(huggingface/peft #2049).
"""

import torch

CONFORM = {"dtypes": ["float64", "float32", "bfloat16", "float16"]}


def dora_linear(x, W0, A, B, magnitude, *, alpha):
    wide = torch.promote_types(x.dtype, torch.float32)
    weight = W0.to(wide) + alpha / len(A) * (B.to(wide) @ A.to(wide))
    norm = weight.to(x.dtype).square().sum(1).sqrt().to(wide)
    return (x.to(wide) @ weight.T * (magnitude.to(wide) / norm)).to(x.dtype)
