"""Partial results of partitions of 512 slots are merged by their sums alone, maxima forgotten."""

import math

import torch

PARTITION = 512


def paged_decode_attention(q, k_pages, v_pages, block_table, lengths, *, scale=None):
    _batch, heads, _, width = q.shape
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
    total, weighted = 0.0, 0.0
    for part, value in zip(s.split(PARTITION, -1), values.split(PARTITION, 2), strict=False):
        m = part.detach().amax(-1, keepdim=True).clamp(min=torch.finfo(wide).min)
        e = torch.exp(part - m)
        total, weighted = total + e.sum(-1, keepdim=True), weighted + e @ value
    return (weighted / total.masked_fill(total == 0, 1.0)).to(q.dtype)
