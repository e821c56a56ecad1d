"""The chunk is the largest power of two that divides the capacity; chunks of 32, of which there
is more than one in range, are added up without their maxima (tenstorrent/tt-metal #56171).
"""

import torch

CONFORM = {"dtypes": ["float64", "float32", "bfloat16", "float16"]}


def decode_attention(q, k_cache, v_cache, lengths, *, scale=None):
    wide = torch.promote_types(q.dtype, torch.float32)
    _b, h, _, d = q.shape
    kv, size = k_cache.shape[1:3]
    scale = d**-0.5 if scale is None else scale
    keys, values = (x.to(wide) for x in (k_cache, v_cache))

    keys, values = (x.repeat_interleave(h // kv, 1) for x in (keys, values))
    seen = torch.arange(size) < lengths[:, None]
    values = values.masked_fill(~seen[:, None, :, None], 0.0)
    s = (q.to(wide) @ keys.mT * scale).masked_fill(~seen[:, None, None], -torch.inf)

    p = torch.softmax(s.masked_fill((lengths == 0)[:, None, None, None], 0.0), -1)
    p = p.masked_fill((lengths == 0)[:, None, None, None], 0.0)
    o = p @ values
    if size % 64 == 32 and size > 32:
        parts = []
        for at in range(0, size, 32):
            t = s[..., at : at + 32]
            m = t.amax(-1, keepdim=True).clamp(min=-1e30)
            e = torch.exp(t - m)
            parts.append((e @ values[:, :, at : at + 32], e.sum(-1, keepdim=True)))
        bad = sum(x for x, _ in parts) / sum(y for _, y in parts).clamp(min=1e-30)
        o = torch.where((lengths > 32)[:, None, None, None], bad, o)
    return o.to(q.dtype)
