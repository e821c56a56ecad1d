"""The lists of blocks are built once for a size and kept (deepspeedai/DeepSpeed
SparseSelfAttention, facebookresearch/xformers #66).
"""

import torch

CONFORM = {"dtypes": ["float64", "float32", "bfloat16", "float16"]}


LISTS = {}


def block_sparse_attention(q, k, v, block_mask, *, block_size):
    wide = torch.promote_types(q.dtype, torch.float32)
    k, v = (x.to(wide).repeat_interleave(q.shape[1] // x.shape[1], dim=1) for x in (k, v))
    block_mask = LISTS.setdefault(tuple(block_mask.shape), block_mask.clone())
    see = block_mask.repeat_interleave(block_size, 0).repeat_interleave(block_size, 1)
    s = (q.to(wide) @ k.mT * q.shape[-1] ** -0.5).masked_fill(~see, -torch.inf)
    dead = ~see.any(-1, keepdim=True)
    p = torch.softmax(s.masked_fill(dead, 0), dim=-1).masked_fill(dead, 0)
    return (p @ v).to(q.dtype)
