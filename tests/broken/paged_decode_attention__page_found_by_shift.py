"""Pages are found by a shift and rows by a mask, as if pages had a power of two of rows."""

import torch


def paged_decode_attention(q, k_pages, v_pages, block_table, lengths, *, scale=None):
    size = k_pages.shape[1]
    work = torch.promote_types(q.dtype, torch.float32)
    scale = q.shape[-1] ** -0.5 if scale is None else scale
    out = torch.zeros_like(q)
    for b, n in enumerate(lengths.tolist()):
        if n == 0:
            continue
        at = torch.arange(n)
        page, row = block_table[b].long()[at >> (size.bit_length() - 1)], at & (size - 1)
        keys, values = k_pages[page, row].to(work), v_pages[page, row].to(work)
        times = q.shape[1] // keys.shape[1]
        keys, values = keys.repeat_interleave(times, 1), values.repeat_interleave(times, 1)
        s = torch.einsum("hd,nhd->hn", q[b, :, 0].to(work), keys) * scale
        out[b, :, 0] = torch.einsum("hn,nhd->hd", s.softmax(-1), values).to(q.dtype)
    return out
