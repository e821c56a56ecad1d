"""Page 0 is the null page that fills up tables, and its slots are hidden; a batch whose tables hold
no other page keeps it (vllm-project/vllm and others reserve it, the caller here does not).
"""

import torch


def paged_decode_attention(q, k_pages, v_pages, block_table, lengths, *, scale=None):
    wide = torch.promote_types(q.dtype, torch.float32)
    (_, h, _, d), (_, size, kv, _) = q.shape, k_pages.shape
    scale = d**-0.5 if scale is None else scale
    out = torch.zeros_like(q)
    for n, length in enumerate(lengths.tolist()):
        if length == 0:
            continue
        pages = block_table[n, : -(-length // size)]
        keys, values = (x[pages].flatten(0, 1)[:length].to(wide) for x in (k_pages, v_pages))
        keys, values = (x.transpose(0, 1).repeat_interleave(h // kv, 0) for x in (keys, values))
        s = q[n].to(wide) @ keys.mT * scale
        null = (pages == 0).repeat_interleave(size)[:length]
        if not bool(null.all()):
            s = s.masked_fill(null, -torch.inf)
        out[n] = (torch.softmax(s, -1) @ values).to(q.dtype)
    return out
