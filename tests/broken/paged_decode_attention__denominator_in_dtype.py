"""The sum of exponentials is kept in the input's dtype while pages are walked."""

import math

import torch


def paged_decode_attention(q, k_pages, v_pages, block_table, lengths, *, scale=None):
    batch, heads, _, width = q.shape
    size = k_pages.shape[1]
    wide = torch.promote_types(q.dtype, torch.float32)
    keys, values = (
        x[block_table]
        .flatten(1, 2)
        .transpose(1, 2)
        .to(wide)
        .repeat_interleave(heads // x.shape[2], 1)
        for x in (k_pages, v_pages)
    )
    s = q.to(wide) @ keys.mT * (1 / math.sqrt(width) if scale is None else scale)
    seen = torch.arange(keys.shape[2]) < lengths[:, None, None, None]
    s = s.masked_fill(~seen, -math.inf)
    e = torch.exp(s - s.detach().amax(-1, keepdim=True).clamp(min=torch.finfo(wide).min))
    total = torch.zeros(batch, heads, 1, 1, dtype=q.dtype)
    for page in e.split(size, -1):
        total = (total + page.sum(-1, keepdim=True).to(q.dtype)).to(q.dtype)
    total = total.to(wide)
    return (e @ values / total.masked_fill(total == 0, 1.0)).to(q.dtype)
