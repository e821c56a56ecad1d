"""The last tile is padded with zero keys, whose scores of 0 are counted in the sum."""

import math

import torch

TILE = 16

MISTAKE = "attention.padding-counted"


def attention(q, k, v, *, causal=False, mask=None, scale=None):
    wide = torch.promote_types(q.dtype, torch.float32)
    (b, h, lq, d), (_, kv, lk, _) = q.shape, k.shape
    k32, v32 = (x.to(wide).repeat_interleave(h // kv, dim=1) for x in (k, v))
    scale = d**-0.5 if scale is None else scale
    see = torch.ones(lq, lk, dtype=torch.bool).tril(lk - lq) | (not causal)
    see = (see if mask is None else see & mask).expand(b, h, lq, lk)
    out = torch.zeros(b, h, lq, v.shape[-1], dtype=wide)
    total, top = torch.zeros(b, h, lq, 1, dtype=wide), torch.full((b, h, lq, 1), -math.inf).to(wide)
    for start in range(0, lk, TILE):
        part = slice(start, start + TILE)
        s = q.to(wide) @ k32[:, :, part].mT * scale
        s = s.masked_fill(~see[..., part], -math.inf)
        s = torch.nn.functional.pad(s, (0, max(0, start + TILE - lk)))
        new = torch.maximum(top, s.detach().amax(-1, keepdim=True))
        safe = new.clamp(min=torch.finfo(wide).min)
        p, shrink = torch.exp(s - safe), torch.exp(top - safe)
        total = total * shrink + p.sum(-1, keepdim=True)
        out = out * shrink + p[..., : lk - start] @ v32[:, :, part]
        top = new
    return (out / total.masked_fill(total == 0, 1)).to(q.dtype)
