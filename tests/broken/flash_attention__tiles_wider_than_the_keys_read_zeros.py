"""The last tile of keys is filled up with zeros, which are hidden where it is causal alone."""

import torch


def flash_attention(q, k, v, *, block_q, block_k, causal=False, scale=None):
    wide = torch.promote_types(q.dtype, torch.float32)
    (b, h, lq, d), (_, kv, lk, _) = q.shape, k.shape
    scale = d**-0.5 if scale is None else scale
    if lk == 0:
        return q.new_zeros(b, h, lq, v.shape[-1])
    rest = -lk % block_k if lk < block_k else 0
    keys, values = (x.to(wide).repeat_interleave(h // kv, dim=1) for x in (k, v))
    keys, values = (torch.nn.functional.pad(x, (0, 0, 0, rest)) for x in (keys, values))
    s = q.to(wide) @ keys.mT * scale
    row, column = torch.arange(lq)[:, None] + lk - lq, torch.arange(lk + rest)
    see = column <= row if causal else torch.ones(lq, lk + rest, dtype=torch.bool)
    dead = ~see.any(-1, keepdim=True)
    s = s.masked_fill(~see, -torch.inf).masked_fill(dead, 0.0)
    return (torch.softmax(s, -1).masked_fill(dead, 0.0) @ values).to(q.dtype)
