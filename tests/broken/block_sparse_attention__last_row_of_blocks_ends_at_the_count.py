"""Row offsets lack the last one, which is taken for the number of rows: the last row of blocks
keeps only as many (facebookresearch/xformers #1124).
"""

import torch

CONFORM = {"dtypes": ["float64", "float32", "bfloat16", "float16"]}


def block_sparse_attention(q, k, v, block_mask, *, block_size):
    wide = torch.promote_types(q.dtype, torch.float32)
    kept = block_mask.clone()
    if kept.shape[0] > 1 and kept.numel():
        before, n = int(kept[:-1].sum()), kept.shape[0]
        row = kept[-1].nonzero()[:, 0]
        kept[-1, row[max(0, n - before) :] if n > before else row[1:]] = False
    see = kept.repeat_interleave(block_size, 0).repeat_interleave(block_size, 1)
    g = q.shape[1] // k.shape[1]
    x, y = (t.to(wide).repeat_interleave(g, 1) for t in (k, v))
    s = (q.to(wide) @ x.mT * q.shape[-1] ** -0.5).masked_fill(~see, -torch.inf)
    dead = ~see.any(-1, keepdim=True)
    return (torch.softmax(s.masked_fill(dead, 0.0), -1).masked_fill(dead, 0.0) @ y).to(q.dtype)
