"""The length is taken modulo the capacity, as in a ring, so that a full cache is an empty one."""

import torch

CONFORM = {"dtypes": ["float64", "float32", "bfloat16", "float16"]}


def decode_attention(q, k_cache, v_cache, lengths, *, scale=None):
    wide = torch.promote_types(q.dtype, torch.float32)
    _b, h, _, d = q.shape
    kv, size = k_cache.shape[1:3]
    scale = d**-0.5 if scale is None else scale
    keys, values = (x.to(wide) for x in (k_cache, v_cache))
    lengths = lengths % size
    keys, values = (x.repeat_interleave(h // kv, 1) for x in (keys, values))
    seen = torch.arange(size) < lengths[:, None]
    values = values.masked_fill(~seen[:, None, :, None], 0.0)
    s = (q.to(wide) @ keys.mT * scale).masked_fill(~seen[:, None, None], -torch.inf)

    p = torch.softmax(s.masked_fill((lengths == 0)[:, None, None, None], 0.0), -1)
    p = p.masked_fill((lengths == 0)[:, None, None, None], 0.0)
    o = p @ values

    return o.to(q.dtype)
