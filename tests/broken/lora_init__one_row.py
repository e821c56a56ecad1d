"""All rows of A are one draw."""

import torch

MISTAKE = "lora_init.one-row-repeated"


def lora_init(out, in_, rank, *, seed):
    g = torch.Generator().manual_seed(seed)
    row = torch.randn(1, in_, generator=g)
    return row.repeat(rank, 1), torch.zeros(out, rank)
