"""The last page's filling is length modulo page size: zero for a page that is exactly full."""

import math

import torch


def paged_decode_attention(q, k_pages, v_pages, block_table, lengths, *, scale=None):
    batch, heads, _, width = q.shape
    size, kv = k_pages.shape[1], k_pages.shape[2]
    wide = torch.promote_types(q.dtype, torch.float32)
    out = []
    for b in range(batch):
        pages = -(-int(lengths[b]) // size)
        n = (pages - 1) * size + int(lengths[b]) % size if pages else 0
        keys, values = (
            x[block_table[b, :pages]].flatten(0, 1)[:n].to(wide).repeat_interleave(heads // kv, 1)
            for x in (k_pages, v_pages)
        )
        s = torch.einsum("hd,shd->hs", q[b, :, 0].to(wide), keys) * (
            1 / math.sqrt(width) if scale is None else scale
        )
        out.append(torch.einsum("hs,shd->hd", torch.softmax(s, -1), values))
    return torch.stack(out)[:, :, None].to(q.dtype)
