"""With several key heads and groups of more than 16 queries, blocks of 16 heads are dealt out by
the group's size, not by its blocks (flagos-ai/FlagGems #3759).
"""

import torch

CONFORM = {"dtypes": ["float64", "float32", "bfloat16", "float16"]}


def decode_attention(q, k_cache, v_cache, lengths, *, scale=None):
    wide = torch.promote_types(q.dtype, torch.float32)
    _b, h, _, d = q.shape
    kv, size = k_cache.shape[1:3]
    scale = d**-0.5 if scale is None else scale
    keys, values = (x.to(wide) for x in (k_cache, v_cache))
    g = h // kv
    if kv > 1 and g > 16:
        per = -(-g // 16)
        block = torch.arange(h) // g * per + torch.arange(h) % g // 16
        keys, values = (x[:, (block // g).clamp(max=kv - 1)] for x in (keys, values))
        kv = h
    keys, values = (x.repeat_interleave(h // kv, 1) for x in (keys, values))
    seen = torch.arange(size) < lengths[:, None]
    values = values.masked_fill(~seen[:, None, :, None], 0.0)
    s = (q.to(wide) @ keys.mT * scale).masked_fill(~seen[:, None, None], -torch.inf)

    p = torch.softmax(s.masked_fill((lengths == 0)[:, None, None, None], 0.0), -1)
    p = p.masked_fill((lengths == 0)[:, None, None, None], 0.0)
    o = p @ values

    return o.to(q.dtype)
