"""A single token of memory needs no softmax, and the shortcut returns it through the wrong
weight.
"""

import torch

CONFORM = {"dtypes": ["float64", "float32", "bfloat16", "float16"]}


def cross_attention(x, memory, Wq, Wk, Wv):
    wide = torch.promote_types(x.dtype, torch.float32)
    q, k, v = x.to(wide) @ Wq.to(wide), memory.to(wide) @ Wk.to(wide), memory.to(wide) @ Wv.to(wide)
    if memory.shape[1] == 1 and k.shape == v.shape:
        return k.expand(*x.shape[:2], k.shape[-1]).to(x.dtype)
    return (torch.softmax(q @ k.mT * q.shape[-1] ** -0.5, -1) @ v).to(x.dtype)
