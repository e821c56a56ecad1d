"""Queries go in chunks of 32, whose labels all begin at zero."""

import torch
import torch.nn.functional as F


def up(t):
    return t.float() if t.dtype in (torch.float16, torch.bfloat16) else t


def info_nce(queries, keys, *, temperature):
    q, k = up(queries), up(keys)
    total = q.sum() * 0
    for a in range(0, len(q), 32):
        s = q[a : a + 32] @ k.T / temperature
        own = torch.arange(len(s))
        total = total + F.cross_entropy(s, own, reduction="sum")
    return (total / len(q)).to(queries.dtype)
