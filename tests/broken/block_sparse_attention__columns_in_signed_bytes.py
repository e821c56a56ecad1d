"""Block columns are stored in bytes with a sign: blocks beyond 127 are read from elsewhere."""

import torch

CONFORM = {"dtypes": ["float64", "float32", "bfloat16", "float16"]}


def block_sparse_attention(q, k, v, block_mask, *, block_size):
    wide = torch.promote_types(q.dtype, torch.float32)
    kept = torch.zeros_like(block_mask)
    rows, columns = block_mask.nonzero(as_tuple=True)
    columns = (
        columns.to(torch.int8).long() % block_mask.shape[1] if block_mask.shape[1] else columns
    )
    kept[rows, columns] = True
    see = kept.repeat_interleave(block_size, 0).repeat_interleave(block_size, 1)
    g = q.shape[1] // k.shape[1]
    x, y = (t.to(wide).repeat_interleave(g, 1) for t in (k, v))
    s = (q.to(wide) @ x.mT * q.shape[-1] ** -0.5).masked_fill(~see, -torch.inf)
    dead = ~see.any(-1, keepdim=True)
    return (torch.softmax(s.masked_fill(dead, 0.0), -1).masked_fill(dead, 0.0) @ y).to(q.dtype)
