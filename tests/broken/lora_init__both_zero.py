"""Both factors are zero, so no gradient ever flows."""

import torch

MISTAKE = "lora_init.both-zero"


def lora_init(out, in_, rank, *, seed):
    return torch.zeros(rank, in_), torch.zeros(out, rank)
