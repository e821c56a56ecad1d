"""The product is formed in float32."""

import torch


def training_flops(parameters, tokens):
    for size in (parameters, tokens):
        if isinstance(size, bool) or not isinstance(size, int) or size < 1:
            raise ValueError("sizes are positive integers")
    return float(torch.tensor(6.0) * torch.tensor(float(parameters)) * torch.tensor(float(tokens)))
