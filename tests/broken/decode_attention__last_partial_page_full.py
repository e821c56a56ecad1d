"""The last page counts as full: slots up to a multiple of 4 are seen."""

import math

import torch


def decode_attention(q, k_cache, v_cache, lengths, *, scale=None):
    wide = torch.promote_types(q.dtype, torch.float32)
    (b, h, _, d), (_, kv, size, _) = q.shape, k_cache.shape
    scale = d**-0.5 if scale is None else scale
    rows = q.to(wide).view(b, kv, h // kv, d) * scale
    m = torch.full((b, kv, h // kv, 1), -math.inf, dtype=wide)
    total, acc = torch.zeros_like(m), torch.zeros_like(rows)
    for at in range(0, size, 32):
        keys, values = (x[:, :, at : at + 32].to(wide) for x in (k_cache, v_cache))
        see = torch.arange(at, at + keys.shape[2]) < (lengths + 3)[:, None] // 4 * 4
        see = see[:, None, None, :]
        s = (rows @ keys.mT).masked_fill(~see, -math.inf)
        new = torch.maximum(m, s.detach().amax(-1, keepdim=True))
        safe = new.clamp(min=torch.finfo(wide).min)
        p, old = torch.exp(s - safe), torch.exp(m - safe)
        total, acc, m = total * old + p.sum(-1, keepdim=True), acc * old + p @ values, new
    return (acc / total.masked_fill(total == 0, 1)).reshape(b, h, 1, d).to(q.dtype)
