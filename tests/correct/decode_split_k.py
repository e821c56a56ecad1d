"""Decoding with the cache cut into four pieces, combined through running maxima and sums."""

import math

import torch

CONFORM = {"dtypes": ["float64", "float32", "bfloat16", "float16"]}


def decode_attention(q, k_cache, v_cache, lengths, *, scale=None):
    wide = torch.promote_types(q.dtype, torch.float32)
    (b, h, _, d), (_, kv, size, _) = q.shape, k_cache.shape
    scale = d**-0.5 if scale is None else scale
    grouped = q.to(wide).reshape(b, kv, h // kv, d)
    tops, totals, outs = [], [], []
    step = max(1, -(-size // 4))
    for start in range(0, size, step):
        slots = torch.arange(start, min(start + step, size))
        valid = (slots < lengths[:, None])[:, None, None, :]
        keys = k_cache[:, :, slots].to(wide)
        s = torch.einsum("bkgd,bksd->bkgs", grouped, keys) * scale
        s = s.masked_fill(~valid, -math.inf)
        top = s.amax(-1, keepdim=True).detach().clamp(min=torch.finfo(wide).min)
        p = torch.exp(s - top)
        values = v_cache[:, :, slots].to(wide).masked_fill(~valid[:, :, 0, :, None], 0)
        tops.append(top)
        totals.append(p.sum(-1, keepdim=True))
        outs.append(torch.einsum("bkgs,bksd->bkgd", p, values))
    best = torch.stack(tops).amax(0)
    shrink = [torch.exp(top - best) for top in tops]
    total = sum(w * t for w, t in zip(shrink, totals, strict=True))
    out = sum(w * o for w, o in zip(shrink, outs, strict=True))
    return (out / total.masked_fill(total == 0, 1)).reshape(b, h, 1, -1).to(q.dtype)
