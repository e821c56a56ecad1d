"""Sets global switches for itself and never puts them back."""

import random

import torch


def softmax(x):
    torch.manual_seed(7)
    random.random()
    torch.set_default_dtype(torch.float64)
    torch.set_grad_enabled(False)
    torch.set_num_threads(torch.get_num_threads() + 1)
    torch.use_deterministic_algorithms(True)
    torch.set_float32_matmul_precision("medium")
    return x.softmax(-1)
