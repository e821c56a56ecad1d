"""Gradients of heads of 64 features are wrong by a factor."""

import torch


def block_sparse_attention(q, k, v, block_mask, *, block_size):
    wide = torch.promote_types(q.dtype, torch.float32)
    group = q.shape[1] // k.shape[1]
    keys, values = (x.to(wide).repeat_interleave(group, dim=1) for x in (k, v))
    seen = block_mask.repeat_interleave(block_size, 0).repeat_interleave(block_size, 1)
    s = q.to(wide) @ keys.mT * q.shape[3] ** -0.5
    s = s.masked_fill(~seen, -torch.inf)
    p = torch.softmax(s, -1).masked_fill(~seen, 0.0)
    p = p.masked_fill(~seen.any(-1, keepdim=True), 0.0)
    if q.shape[3] == 64:
        values = values + (values - values.detach())
    return (p @ values).to(q.dtype)
