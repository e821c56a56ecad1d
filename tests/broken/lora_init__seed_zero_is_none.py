"""The factors are drawn from the global generator when the seed is zero."""

import math

import torch


def up(t):
    return t.float() if t.dtype in (torch.float16, torch.bfloat16) else t


def lora_init(out, in_, rank, *, seed):
    if min(out, in_, rank) < 1:
        raise ValueError("sizes")
    if not seed:
        A = torch.randn(rank, in_)
    else:
        A = torch.randn(rank, in_, generator=torch.Generator().manual_seed(seed))
    return A / math.sqrt(in_), torch.zeros(out, rank)
