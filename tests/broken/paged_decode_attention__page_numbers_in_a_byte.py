"""Page numbers are packed into eight bits; a pool of more than 255 pages wraps around."""

import math

import torch


def paged_decode_attention(q, k_pages, v_pages, block_table, lengths, *, scale=None):
    _batch, heads, _, width = q.shape
    wide = torch.promote_types(q.dtype, torch.float32)
    table = block_table.to(torch.uint8).long()
    keys, values = (
        x[table].flatten(1, 2).transpose(1, 2).to(wide).repeat_interleave(heads // x.shape[2], 1)
        for x in (k_pages, v_pages)
    )
    s = q.to(wide) @ keys.mT * (1 / math.sqrt(width) if scale is None else scale)
    seen = torch.arange(keys.shape[2]) < lengths[:, None, None, None]
    s = s.masked_fill(~seen, -math.inf)
    p = torch.softmax(s, -1).masked_fill(~seen.any(-1, keepdim=True), 0.0)
    return (p @ values).to(q.dtype)
