"""Grouping heads by multiplying with an averaging matrix."""

import torch

CONFORM = {"dtypes": ["float64", "float32", "bfloat16", "float16"]}


def mha_to_gqa(W, *, heads, kv_heads):
    wide = torch.promote_types(W.dtype, torch.float32)
    group, d = heads // kv_heads, W.shape[1] // heads
    pick = torch.eye(kv_heads, dtype=wide).repeat_interleave(group, dim=0)
    mean = torch.kron(pick, torch.eye(d, dtype=wide))
    return (W.to(wide) @ mean / group).to(W.dtype)
