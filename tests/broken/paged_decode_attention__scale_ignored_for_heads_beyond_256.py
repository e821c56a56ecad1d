"""Heads wider than 256 go to a plain kernel with the default scale."""

import torch


def paged_decode_attention(q, k_pages, v_pages, block_table, lengths, *, scale=None):
    wide, size = torch.promote_types(q.dtype, torch.float32), k_pages.shape[1]
    group = q.shape[1] // k_pages.shape[2]
    rows = []
    for b, length in enumerate(lengths.tolist()):
        token = torch.arange(length)
        at, slot = token // size, token % size
        page = block_table[b, at]
        keys, values = (
            x[page, slot].transpose(0, 1).to(wide).repeat_interleave(group, 0)
            for x in (k_pages, v_pages)
        )
        s = (
            q[b].to(wide)
            @ keys.mT
            * (q.shape[-1] ** -0.5 if scale is None or q.shape[-1] > 256 else scale)
        )
        rows.append(torch.softmax(s, -1) @ values)
    return torch.stack(rows).to(q.dtype)
