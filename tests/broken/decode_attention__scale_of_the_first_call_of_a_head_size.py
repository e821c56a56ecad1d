"""The softmax scale is a constant of the kernel that is built for a head size, and not in its
key.
"""

import torch

_scale = {}


def decode_attention(q, k_cache, v_cache, lengths, *, scale=None):
    d, group = q.shape[3], q.shape[1] // k_cache.shape[1]
    scale = _scale.setdefault((d, q.dtype), d**-0.5 if scale is None else scale)
    wide = torch.promote_types(q.dtype, torch.float32)
    see = torch.arange(k_cache.shape[2]) < lengths[:, None]
    keys, values = (
        torch.where(see[:, None, :, None], x.to(wide), 0.0).repeat_interleave(group, 1)
        for x in (k_cache, v_cache)
    )
    see = see[:, None, None]
    dead = ~see.any(-1, keepdim=True)
    s = (q.to(wide) @ keys.mT * scale).masked_fill(~see, -torch.inf).masked_fill(dead, 0.0)
    return (torch.softmax(s, -1).masked_fill(dead, 0.0) @ values).to(q.dtype)
