"""Keys that fill the last tile of 64 are set to -inf before the cap, which makes them -cap; only
a mask given beside it puts them out again (llama.cpp 29034).
"""

import torch
import torch.nn.functional as F

CONFORM = {"dtypes": ["float32", "bfloat16", "float16"]}
TILE = 64


def attention(
    q,
    k,
    v,
    *,
    causal=False,
    window=None,
    mask=None,
    bias=None,
    scale=None,
    softcap=None,
    sinks=None,
):
    (b, h, lq, d), (kv, lk, dv) = q.shape, (k.shape[1], k.shape[2], v.shape[3])
    wide = torch.promote_types(q.dtype, torch.float32)
    scale = d**-0.5 if scale is None else scale
    pad = -lk % TILE
    keys = F.pad(k.to(wide), (0, 0, 0, pad)).repeat_interleave(h // kv, 1)
    values = F.pad(v.to(wide), (0, 0, 0, pad)).repeat_interleave(h // kv, 1)
    see = torch.ones(lq, lk, dtype=torch.bool)
    row, column = torch.arange(lq)[:, None] + lk - lq, torch.arange(lk)
    if causal:
        see = see & (column <= row)
    if window is not None:
        see = see & ((row - column).abs() < window if not causal else row - column < window)
    if mask is not None:
        see = see & mask
    masked = causal or window is not None or mask is not None
    see = F.pad(see.expand(b, h, lq, lk), (0, pad))
    more = None if bias is None else F.pad(bias.to(wide).expand(b, h, lq, lk), (0, pad))
    m = torch.full((b, h, lq, 1), -torch.inf, dtype=wide)
    m = m if sinks is None else sinks.to(wide)[None, :, None, None].expand(b, h, lq, 1)
    total = torch.zeros_like(m) if sinks is None else torch.ones_like(m)
    out = torch.zeros(b, h, lq, dv, dtype=wide)
    for start in range(0, lk + pad, TILE):
        cut = slice(start, start + TILE)
        s = q.to(wide) @ keys[:, :, cut].mT * scale
        s = s.masked_fill(torch.arange(start, start + TILE) >= lk, -torch.inf)
        if softcap is not None:
            s = softcap * torch.tanh(s / softcap)
        if more is not None:
            s = s + more[..., cut]
        if masked:
            s = s.masked_fill(~see[..., cut], -torch.inf)
        new = torch.maximum(m, s.amax(-1, keepdim=True))
        safe = new.masked_fill(new == -torch.inf, 0.0)
        p, carry = torch.exp(s - safe), torch.exp(m - safe)
        total = total * carry + p.sum(-1, keepdim=True)
        out = out * carry + p @ values[:, :, cut]
        m = new
    return torch.where(total > 0, out / total.clamp_min(1e-38), torch.zeros_like(out)).to(q.dtype)
