"""True in the block mask skips a block."""

import math

import torch


def block_sparse_attention(q, k, v, block_mask, *, block_size):
    wide = torch.promote_types(q.dtype, torch.float32)
    k, v = (x.to(wide).repeat_interleave(q.shape[1] // x.shape[1], dim=1) for x in (k, v))
    see = (~block_mask).repeat_interleave(block_size, 0).repeat_interleave(block_size, 1)
    s = (q.to(wide) @ k.mT / math.sqrt(q.shape[-1])).masked_fill(~see, -math.inf)
    dead = ~see.any(-1, keepdim=True)
    p = torch.softmax(s.masked_fill(dead, 0), dim=-1) * ~dead
    return (p @ v).to(q.dtype)
