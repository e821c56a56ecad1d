"""A cache that holds all heads of a token side by side is read as if heads lay apart where its
slots fill whole tiles of 64.
"""

import torch


def rows(x):
    """Copied where a tile has to be padded, read as if heads lay apart where not."""
    b, h, n, d = x.shape
    if n % 64 == 0 and x.stride(3) == 1 and x.stride(2) == h * d and x.stride(1) == d:
        return x.transpose(1, 2).reshape(b, h, n, d)
    return x


def decode_attention(q, k_cache, v_cache, lengths, *, scale=None):
    wide = torch.promote_types(q.dtype, torch.float32)
    k_cache, v_cache = rows(k_cache), rows(v_cache)
    group = q.shape[1] // k_cache.shape[1]
    size = k_cache.shape[2]
    live = (torch.arange(size) < lengths[:, None])[:, None, None]
    keys, values = (x.to(wide).repeat_interleave(group, 1) for x in (k_cache, v_cache))
    s = q.to(wide) @ keys.mT * (q.shape[-1] ** -0.5 if scale is None else scale)
    dead = (lengths == 0)[:, None, None, None]
    p = torch.softmax(s.masked_fill(~(live | dead), -torch.inf), -1).masked_fill(dead, 0.0)
    values = torch.where(live.mT, values, 0.0)
    return (p @ values).to(q.dtype)
