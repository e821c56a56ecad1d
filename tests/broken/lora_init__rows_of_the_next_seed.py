"""Row i of A is drawn from seed + i: layers of consecutive seeds share all rows but one."""

import torch


def lora_init(out, in_, rank, *, seed):
    rows = [
        torch.randn(in_, generator=torch.Generator().manual_seed(seed + i)) for i in range(rank)
    ]
    return torch.stack(rows) / in_**0.5, torch.zeros(out, rank)
