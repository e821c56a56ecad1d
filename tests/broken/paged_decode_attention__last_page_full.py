"""Rounds the length up to whole pages: what an earlier request left there is attended to."""

import torch

MISTAKE = "paged_decode_attention.last-page-full"


def paged_decode_attention(q, k_pages, v_pages, block_table, lengths, *, scale=None):
    wide, size = torch.promote_types(q.dtype, torch.float32), k_pages.shape[1]
    group = q.shape[1] // k_pages.shape[2]
    rows = []
    for b, length in enumerate(lengths.tolist()):
        pages = block_table[b, : -(-length // size)]
        keys, values = (
            x[pages].flatten(0, 1).transpose(0, 1).to(wide).repeat_interleave(group, 0)
            for x in (k_pages, v_pages)
        )
        s = q[b].to(wide) @ keys.mT * (q.shape[-1] ** -0.5 if scale is None else scale)
        rows.append(torch.softmax(s, -1) @ values)
    return torch.stack(rows).to(q.dtype)
