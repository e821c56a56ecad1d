"""Heads wider than 256 go to a plain kernel with the default scale."""

import torch


def decode_attention(q, k_cache, v_cache, lengths, *, scale=None):
    wide = torch.promote_types(q.dtype, torch.float32)
    group = q.shape[1] // k_cache.shape[1]
    size = k_cache.shape[2]
    live = (torch.arange(size) < lengths[:, None])[:, None, None]
    keys, values = (x.to(wide).repeat_interleave(group, 1) for x in (k_cache, v_cache))
    s = (
        q.to(wide)
        @ keys.mT
        * (q.shape[-1] ** -0.5 if scale is None or q.shape[-1] > 256 else scale)
    )
    dead = (lengths == 0)[:, None, None, None]
    p = torch.softmax(s.masked_fill(~(live | dead), -torch.inf), -1).masked_fill(dead, 0.0)
    values = torch.where(live.mT, values, 0.0)
    return (p @ values).to(q.dtype)
