"""Rows without blocks are zeroed after the softmax, whose gradient there is NaN."""

import torch


def block_sparse_attention(q, k, v, block_mask, *, block_size):
    lq, lk, n = q.shape[2], k.shape[2], block_size
    if lq % n or lk % n or tuple(block_mask.shape) != (lq // n, lk // n):
        raise ValueError("blocks do not fit the lengths")
    work = torch.promote_types(q.dtype, torch.float32)
    times = q.shape[1] // k.shape[1]
    keys, values = (x.to(work).repeat_interleave(times, 1) for x in (k, v))
    ok = block_mask.repeat_interleave(n, 0).repeat_interleave(n, 1)
    s = (q.to(work) @ keys.mT * q.shape[3] ** -0.5).masked_fill(~ok, -torch.inf)
    o = torch.softmax(s, -1) @ values
    return torch.where(ok.any(-1, keepdim=True), o, torch.zeros_like(o)).to(q.dtype)
