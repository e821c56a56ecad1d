"""Both factors are drawn, the model starts somewhere else."""

import torch

MISTAKE = "lora_init.both-random"


def lora_init(out, in_, rank, *, seed):
    g = torch.Generator().manual_seed(seed)
    return torch.randn(rank, in_, generator=g), torch.randn(out, rank, generator=g)
