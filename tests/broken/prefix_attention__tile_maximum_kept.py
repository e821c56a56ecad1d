"""Keys are walked in tiles of 64; the first tile's maximum and sum are not rescaled by later
ones.
"""

import math

import torch


def prefix_attention(q, k, v, pk, pv, *, causal=False, scale=None):
    wide = torch.promote_types(q.dtype, torch.float32)
    batch, heads, n, width = q.shape
    m, extra = k.shape[2], pk.shape[1]
    keys, values = (t.to(wide).repeat_interleave(heads // t.shape[1], 1) for t in (k, v))
    keys = torch.cat((pk.to(wide).expand(batch, -1, -1, -1), keys), 2)
    values = torch.cat((pv.to(wide).expand(batch, -1, -1, -1), values), 2)
    s = q.to(wide) @ keys.mT * (1 / math.sqrt(width) if scale is None else scale)
    if causal:
        seen = torch.ones(n, m, dtype=torch.bool).tril(m - n)
        s = s.masked_fill(~torch.cat((torch.ones(n, extra, dtype=torch.bool), seen), 1), -math.inf)
    total, out = 0.0, 0.0
    for part, value in zip(s.split(64, -1), values.split(64, 2), strict=False):
        e = torch.exp(part - part.detach().amax(-1, keepdim=True).clamp(min=torch.finfo(wide).min))
        total, out = total + e.sum(-1, keepdim=True), out + e @ value
    return (out / total.masked_fill(total == 0, 1.0)).to(q.dtype)
