"""The update is added to the result in memory: written, read and written once more."""

import torch
from _interpreted import tl, triton  # noqa: F401

CONFORM = {"promises": ["traffic"], "dtypes": ["float32"]}


def lora_linear(x, W0, A, B, *, alpha):
    base = torch.nn.functional.linear(x, W0)
    update = torch.nn.functional.linear(torch.nn.functional.linear(x, A), B)
    return base + alpha / A.shape[0] * update
