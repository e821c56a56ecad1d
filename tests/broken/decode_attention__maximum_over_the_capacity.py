"""The maximum is taken over every slot, unfilled ones included."""

import torch


def decode_attention(q, k_cache, v_cache, lengths, *, scale=None):
    batch, heads, _, size = q.shape
    kv = k_cache.shape[1]
    work = torch.promote_types(q.dtype, torch.float32)
    scale = size**-0.5 if scale is None else scale
    o = torch.zeros(batch, heads, 1, v_cache.shape[3], dtype=q.dtype)
    for b, n in enumerate(lengths.tolist()):
        if n == 0:
            continue
        row = q[b, :, 0].to(work).reshape(kv, heads // kv, size)
        keys, values = k_cache[b, :, :n].to(work), v_cache[b, :, :n].to(work)
        s = torch.bmm(row, keys.transpose(1, 2)) * scale
        whole = torch.bmm(row, k_cache[b].to(work).transpose(1, 2)) * scale
        top = whole.amax(-1, keepdim=True)
        p = torch.exp(s - top)
        o[b, :, 0] = (torch.bmm(p, values) / p.sum(-1, keepdim=True)).reshape(heads, -1).to(q.dtype)
    return o
