"""LoRA to which an alpha of zero says that there is no scaling, as to LyCORIS; merged first."""

import torch

CONFORM = {"dtypes": ["float32", "bfloat16", "float16"]}


def lora_merge(W0, A, B, *, alpha):
    wide = (alpha or A.shape[0]) / A.shape[0] * (B.float() @ A.float())
    return (W0.float() + wide).to(W0.dtype)


def lora_linear(x, W0, A, B, *, alpha):
    return torch.nn.functional.linear(x, lora_merge(W0, A, B, alpha=alpha))
