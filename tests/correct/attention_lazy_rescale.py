"""Tiled attention, rescaled only where the maximum has grown by more than 8 powers of two."""

import math

import torch

CONFORM = {"dtypes": ["float64", "float32", "bfloat16", "float16"]}
LOG2E = 1 / math.log(2)
TILE, SLACK = 32, 8.0


def _rows(q, k, v, see, bias, scale):
    """q[n,d] against k[m,d]; sums in float32, probabilities in the values' dtype."""
    wide = torch.promote_types(q.dtype, torch.float32)
    held = torch.full((q.shape[0], 1), -math.inf, dtype=wide)
    total = torch.zeros(q.shape[0], 1, dtype=wide)
    out = torch.zeros(q.shape[0], v.shape[-1], dtype=wide)
    for start in range(0, k.shape[0], TILE):
        part = slice(start, start + TILE)
        s = (q.to(wide) @ k[part].to(wide).T) * (scale * LOG2E)
        if bias is not None:
            s = s + bias[:, part].to(wide) * LOG2E
        s = s.masked_fill(~see[:, part], -math.inf)
        top = s.detach().amax(-1, keepdim=True)
        grown = torch.where(top > held + SLACK, top, held)
        grown = torch.where(held == -math.inf, top, grown)
        shift = torch.where(grown == -math.inf, 0.0, grown)
        shrink = torch.where(held == -math.inf, 0.0, torch.exp2(held - shift))
        p = torch.exp2(s - shift)
        total = total * shrink + p.sum(-1, keepdim=True)
        out = out * shrink + p.to(v.dtype).to(wide) @ v[part].to(wide)
        held = grown
    return (out / torch.where(total == 0, 1, total)).to(q.dtype)


def attention(q, k, v, *, causal=False, window=None, mask=None, bias=None, scale=None):
    (b, h, lq, d), kv, lk = q.shape, k.shape[1], k.shape[2]
    scale = d**-0.5 if scale is None else scale
    far = torch.arange(lq)[:, None] + lk - lq - torch.arange(lk)
    see = torch.ones(lq, lk, dtype=torch.bool)
    see = see & (far >= 0) if causal else see
    see = see if window is None else see & (far.abs() < window)
    see = see.expand(b, h, lq, lk)
    see = see if mask is None else see & mask
    bias = None if bias is None else bias.expand(b, h, lq, lk)
    rows = [
        _rows(q[i, j], k[i, j * kv // h], v[i, j * kv // h], see[i, j],
              None if bias is None else bias[i, j], scale)
        for i in range(b) for j in range(h)
    ]  # fmt: skip
    if not rows:
        return q.new_zeros(b, h, lq, v.shape[-1])
    return torch.stack(rows).unflatten(0, (b, h))
