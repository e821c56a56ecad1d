"""A row of blocks of which none is kept divides zero by zero."""

import math

import torch


def block_sparse_attention(q, k, v, block_mask, *, block_size):
    wide = torch.promote_types(q.dtype, torch.float32)
    group = q.shape[1] // k.shape[1]
    keys, values = (x.to(wide).repeat_interleave(group, 1) for x in (k, v))
    s = q.to(wide) @ keys.mT / math.sqrt(q.shape[-1])
    seen = block_mask.repeat_interleave(block_size, 0).repeat_interleave(block_size, 1)
    e = torch.exp(s.masked_fill(~seen, -math.inf) - s.detach().amax(-1, keepdim=True))
    return (e @ values / e.sum(-1, keepdim=True)).to(q.dtype)
