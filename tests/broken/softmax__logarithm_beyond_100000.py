"""Rows of more than 100000 columns are divided by the logarithm of their sum (PaddlePaddle/Paddle
#53654).
"""

import torch

CONFORM = {"dtypes": ["float64", "float32", "bfloat16", "float16"]}


def softmax(x):
    wide = torch.promote_types(x.dtype, torch.float32)
    e = torch.exp(x.to(wide) - x.to(wide).amax(-1, keepdim=True))
    total = e.sum(-1, keepdim=True)
    if x.shape[-1] > 100000:
        total = total.log()
    return (e / total).to(x.dtype)
