"""Reads the first pages of the pool for every sequence, as if the cache were contiguous."""

import torch

MISTAKE = "paged_decode_attention.table-ignored"


def paged_decode_attention(q, k_pages, v_pages, block_table, lengths, *, scale=None):
    wide = torch.promote_types(q.dtype, torch.float32)
    entries, group = block_table.shape[1], q.shape[1] // k_pages.shape[2]
    keys, values = (
        x[:entries].flatten(0, 1).transpose(0, 1).to(wide).repeat_interleave(group, 0)
        for x in (k_pages, v_pages)
    )
    s = q.to(wide) @ keys.mT * (q.shape[-1] ** -0.5 if scale is None else scale)
    hidden = torch.arange(keys.shape[1]) >= lengths[:, None, None, None]
    p = torch.softmax(s.masked_fill(hidden, -torch.inf), -1).nan_to_num(0.0)
    return (p @ values).to(q.dtype)
