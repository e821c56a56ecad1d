"""From 2048 slots on, heads in groups of four and more read the partial maxima with a stride of
eight (pytorch/pytorch #174861).
"""

import torch

CONFORM = {"dtypes": ["float64", "float32", "bfloat16", "float16"]}


def decode_attention(q, k_cache, v_cache, lengths, *, scale=None):
    wide = torch.promote_types(q.dtype, torch.float32)
    (_b, h, _, d), (_, kv, slots, _) = q.shape, k_cache.shape
    group = h // kv
    hidden = (torch.arange(slots) >= lengths[:, None])[:, None, None]
    keys, values = (
        x.to(wide).masked_fill(hidden.mT, 0.0).repeat_interleave(group, 1)
        for x in (k_cache, v_cache)
    )
    s = q.to(wide) @ keys.mT * (d**-0.5 if scale is None else scale)
    s = s.masked_fill(hidden, -torch.inf)
    top = s.detach().amax(-1, keepdim=True)
    top = torch.where(top == -torch.inf, 0.0, top)
    p = torch.exp(s - top)
    total = p.sum(-1, keepdim=True)
    o = p @ values / torch.where(total > 0, total, 1.0)
    if slots >= 2048 and group >= 4:
        o = torch.cat([o[:, : h // 2], o[:, : h - h // 2]], 1)
    return o.to(q.dtype)
