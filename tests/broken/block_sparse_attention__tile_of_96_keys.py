"""Heads of 129 to 192 features take tiles of 96 keys, counted in blocks of the mask that are no
multiple of it (Dao-AILab/flash-attention #2429).
"""

import torch

CONFORM = {"dtypes": ["float64", "float32", "bfloat16", "float16"]}


def block_sparse_attention(q, k, v, block_mask, *, block_size):
    wide = torch.promote_types(q.dtype, torch.float32)
    (_b, h, lq, d), (_, kv, lk, _) = q.shape, k.shape
    if lq % block_size or lk % block_size:
        raise ValueError("blocks do not fit")
    if block_mask.shape != (lq // block_size, lk // block_size):
        raise ValueError("the mask does not fit")
    see = block_mask.repeat_interleave(block_size, 0).repeat_interleave(block_size, 1)
    if 128 < d <= 192 and block_size != 96:
        see = block_mask.repeat_interleave(block_size, 0).repeat_interleave(96, 1)[:, :lk]
        see = torch.nn.functional.pad(see, (0, lk - see.shape[1]))
    keys, values = (x.to(wide).repeat_interleave(h // kv, 1) for x in (k, v))
    s = q.to(wide) @ keys.mT * d**-0.5
    dead = ~see.any(-1, keepdim=True)
    p = torch.softmax(s.masked_fill(~see, -torch.inf).masked_fill(dead, 0.0), -1)
    return (p.masked_fill(dead, 0.0) @ values).to(q.dtype)
