"""Groups of four heads wider than 128 leave the features behind the first 128 unwritten."""

import torch


def decode_attention(q, k_cache, v_cache, lengths, *, scale=None):
    wide = torch.promote_types(q.dtype, torch.float32)
    (_, h, _, d), (_, kv, slots, _) = q.shape, k_cache.shape
    keys, values = (x.to(wide).repeat_interleave(h // kv, 1) for x in (k_cache, v_cache))
    hidden = (torch.arange(slots) >= lengths[:, None])[:, None, None, :]
    s = q.to(wide) @ keys.mT * (d**-0.5 if scale is None else scale)
    p = torch.softmax(s.masked_fill(hidden, -torch.inf), -1).masked_fill(hidden, 0.0)
    p = p.masked_fill((lengths == 0)[:, None, None, None], 0.0)
    out = p @ values.masked_fill(hidden.mT, 0.0)
    if d > 128 and h // kv >= 4:
        out = torch.cat([out[..., :128], torch.zeros_like(out[..., 128:])], -1)
    return out.to(q.dtype)
