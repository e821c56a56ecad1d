"""The last tile of keys is moved back to stay in bounds and the rows it shares with the tile
before count twice.
"""

import torch

CONFORM = {"dtypes": ["float64", "float32", "bfloat16", "float16"]}


def flash_attention(q, k, v, *, block_q, block_k, causal=False, scale=None):
    wide = torch.promote_types(q.dtype, torch.float32)
    (_, h, lq, d), kv, lk = q.shape, k.shape[1], k.shape[2]
    scale = d**-0.5 if scale is None else scale
    k, v = (x.to(wide).repeat_interleave(h // kv, 1) for x in (k, v))
    starts = [min(j, max(lk - block_k, 0)) for j in range(0, lk, block_k)]
    columns = torch.cat(
        [torch.arange(j, min(j + block_k, lk)) for j in starts] or [torch.arange(0)]
    )
    s = q.to(wide) @ k[:, :, columns].mT * scale
    see = torch.ones(lq, len(columns), dtype=torch.bool)
    if causal:
        see = columns <= torch.arange(lq)[:, None] + lk - lq
    dead = ~see.any(-1, keepdim=True)
    p = torch.softmax(s.masked_fill(~see, -torch.inf).masked_fill(dead, 0.0), -1).masked_fill(
        dead, 0.0
    )
    return (p.to(q.dtype).to(wide) @ v[:, :, columns]).to(q.dtype)
