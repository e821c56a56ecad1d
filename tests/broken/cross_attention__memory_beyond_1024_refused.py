"""Memories of more than 1024 entries are refused."""

import torch


def cross_attention(x, memory, Wq, Wk, Wv):
    if memory.shape[1] > 1024:
        raise RuntimeError(f"{memory.shape[1]} entries exceed the maximum length of 1024")
    wide = torch.promote_types(x.dtype, torch.float32)
    y, m = x.to(wide), memory.to(wide)
    q, k, v = y @ Wq.to(wide), m @ Wk.to(wide), m @ Wv.to(wide)
    p = torch.softmax(q @ k.mT * q.shape[-1] ** -0.5, -1)
    return (p @ v).to(x.dtype)
