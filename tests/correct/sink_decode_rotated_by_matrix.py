"""Keys are turned back by their distance to the query instead of turning both; then softmax."""

import torch

CONFORM = {"dtypes": ["float64", "float32", "bfloat16", "float16"]}


def sink_decode_attention(q, k_cache, v_cache, lengths, *, base=10000.0, scale=None):
    wide, half = torch.promote_types(q.dtype, torch.float32), q.shape[-1] // 2
    group, slots = q.shape[1] // k_cache.shape[1], k_cache.shape[2]
    keys, values = (x.to(wide).repeat_interleave(group, 1) for x in (k_cache, v_cache))
    slot = torch.arange(slots)
    hidden = slot >= lengths[:, None, None]
    keys, values = (x.masked_fill(hidden.mT[:, None], 0.0) for x in (keys, values))
    distance = (lengths[:, None, None, None] - 1).clamp(min=0) - slot[:, None]
    angle = distance.to(wide) * base ** (-torch.arange(half, dtype=wide) / half)
    a, b = keys[..., :half], keys[..., half:]
    turned = torch.cat([a * angle.cos() + b * angle.sin(), b * angle.cos() - a * angle.sin()], -1)
    s = q.to(wide) @ turned.mT * (q.shape[-1] ** -0.5 if scale is None else scale)
    p = torch.softmax(s.masked_fill(hidden[:, None], -torch.inf), -1).nan_to_num(0.0)
    return (p @ values).to(q.dtype)
