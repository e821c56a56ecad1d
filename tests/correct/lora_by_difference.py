"""The adapted weight is formed whole, and its difference from the frozen one is applied."""

import torch.nn.functional as F

CONFORM = {"dtypes": ["float64", "float32", "bfloat16", "float16"]}


def lora_linear(x, W0, A, B, *, alpha):
    frozen = F.linear(x, W0)
    adapted = W0 + (B @ A) * (alpha / len(A))
    return frozen + F.linear(x, adapted - W0)


def dora_linear(x, W0, A, B, magnitude, *, alpha):
    frozen = F.linear(x, W0)
    direction = W0 + (B @ A) * (alpha / len(A))
    length = direction.norm(dim=1, keepdim=True)
    adapted = direction * (magnitude[:, None] / length)
    return frozen + F.linear(x, adapted - W0)
