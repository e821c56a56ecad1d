"""In half precision the exponential is a power of a first-order term."""

import torch


def decode_attention(q, k_cache, v_cache, lengths, *, scale=None):
    wide = torch.promote_types(q.dtype, torch.float32)
    (_, h, _, d), (_, kv, slots, _) = q.shape, k_cache.shape
    keys, values = (x.to(wide).repeat_interleave(h // kv, 1) for x in (k_cache, v_cache))
    hidden = (torch.arange(slots) >= lengths[:, None])[:, None, None, :]
    s = q.to(wide) @ keys.mT * (d**-0.5 if scale is None else scale)
    s = s.masked_fill(hidden, -torch.inf)
    if q.element_size() == 2:
        z = s - s.amax(-1, keepdim=True)
        e = (1 + z.clamp(min=-32) / 64).pow(64).masked_fill(hidden, 0.0)
        p = e / e.sum(-1, keepdim=True)
    else:
        p = torch.softmax(s, -1).masked_fill(hidden, 0.0)
    p = p.masked_fill((lengths == 0)[:, None, None, None], 0.0)
    out = p @ values.masked_fill(hidden.mT, 0.0)
    return out.to(q.dtype)
