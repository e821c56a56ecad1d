"""From 4096 slots on, grouped heads read the keys and values of the first sequence."""

import torch


def decode_attention(q, k_cache, v_cache, lengths, *, scale=None):
    wide = torch.promote_types(q.dtype, torch.float32)
    (_, h, _, d), (_, kv, slots, _) = q.shape, k_cache.shape
    keys, values = (x.to(wide).repeat_interleave(h // kv, 1) for x in (k_cache, v_cache))
    if h > kv and slots >= 4096:
        keys, values = keys[:1].expand_as(keys), values[:1].expand_as(values)
    hidden = (torch.arange(slots) >= lengths[:, None])[:, None, None, :]
    s = q.to(wide) @ keys.mT * (d**-0.5 if scale is None else scale)
    p = torch.softmax(s.masked_fill(hidden, -torch.inf), -1).masked_fill(hidden, 0.0)
    p = p.masked_fill((lengths == 0)[:, None, None, None], 0.0)
    out = p @ values.masked_fill(hidden.mT, 0.0)
    return out.to(q.dtype)
