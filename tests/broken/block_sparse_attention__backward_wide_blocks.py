"""Blocks of 64 and more are split backwards, and their second halves are lost to the keys."""

import torch


def block_sparse_attention(q, k, v, block_mask, *, block_size):
    wide = torch.promote_types(q.dtype, torch.float32)
    group = q.shape[1] // k.shape[1]
    keys, values = (x.to(wide).repeat_interleave(group, dim=1) for x in (k, v))
    seen = block_mask.repeat_interleave(block_size, 0).repeat_interleave(block_size, 1)
    if block_size >= 64:
        first = (torch.arange(keys.shape[2]) % block_size < block_size // 2)[:, None]
        keys = torch.where(first, keys, keys.detach())
    s = q.to(wide) @ keys.mT * q.shape[3] ** -0.5
    s = s.masked_fill(~seen, -torch.inf)
    p = torch.softmax(s, -1).masked_fill(~seen, 0.0)
    p = p.masked_fill(~seen.any(-1, keepdim=True), 0.0)
    return (p @ values).to(q.dtype)
