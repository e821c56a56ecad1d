"""The rows of the page table have their stride, its columns are taken as adjacent."""

import torch


def paged_decode_attention(q, k_pages, v_pages, block_table, lengths, *, scale=None):
    wide = torch.promote_types(q.dtype, torch.float32)
    (_, h, _, d), (count, size, kv, _) = q.shape, k_pages.shape
    scale = d**-0.5 if scale is None else scale
    if block_table.stride(1) > 1:
        block_table = block_table.as_strided(block_table.shape, (block_table.stride(0), 1))
    out = torch.zeros_like(q)
    for n, length in enumerate(lengths.tolist()):
        if length == 0:
            continue
        pages = block_table[n, : -(-length // size)].clamp(0, count - 1)
        keys, values = (x[pages].flatten(0, 1)[:length].to(wide) for x in (k_pages, v_pages))
        keys, values = (x.transpose(0, 1).repeat_interleave(h // kv, 0) for x in (keys, values))
        s = q[n].to(wide) @ keys.mT * scale
        out[n] = (torch.softmax(s, -1) @ values).to(q.dtype)
    return out
