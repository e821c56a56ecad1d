"""Tiles before the window of the last query of a tile are skipped for all."""

import math

import torch

BM, BN = 16, 16


def tile_mask(rows, cols, causal, window, mask, shape):
    see = torch.ones(len(rows), len(cols), dtype=torch.bool)
    if causal:
        see = see & (cols <= rows[:, None])
    if window is not None:
        see = see & ((rows[:, None] - cols).abs() < window)
    return see


def attention(q, k, v, *, causal=False, window=None, mask=None, scale=None, sinks=None):
    wide = torch.promote_types(q.dtype, torch.float32)
    (b, h, lq, d), (_, kv, lk, _), dv = q.shape, k.shape, v.shape[3]
    q32 = q.to(wide) * (d**-0.5 if scale is None else scale)
    k32, v32 = (x.to(wide).repeat_interleave(h // kv, dim=1) for x in (k, v))
    see_all = None if mask is None else mask.expand(b, h, lq, lk)
    parts = []
    for start in range(0, lq, BM):
        stop = min(start + BM, lq)
        rows = torch.arange(start, stop) + lk - lq
        m = torch.full((b, h, stop - start, 1), -math.inf, dtype=wide)
        total = torch.zeros_like(m)
        acc = torch.zeros(b, h, stop - start, dv, dtype=wide)
        low, high = 0, lk
        if causal:
            high = max(0, min(lk, stop + lk - lq))
        if window is not None:
            low = max(0, stop - 1 + lk - lq - window + 1) // BN * BN
            if not causal:
                high = max(0, min(lk, stop + lk - lq + window))
        for first in range(low, high, BN):
            cols = torch.arange(first, min(first + BN, lk))
            s = q32[:, :, start:stop] @ k32[:, :, cols].mT
            see = tile_mask(rows, cols, causal, window, mask, s.shape)
            if see_all is not None:
                see = see & see_all[:, :, start:stop, cols]
            s = s.masked_fill(~see, -math.inf)
            new = torch.maximum(m, s.detach().amax(-1, keepdim=True))
            safe = new.clamp(min=torch.finfo(wide).min)
            p = torch.exp(s - safe)
            alpha = torch.exp(m - safe)
            total = total * alpha + p.sum(-1, keepdim=True)
            acc = acc * alpha + p @ v32[:, :, cols]
            m = new
        if sinks is not None:
            sink = sinks.to(wide).view(1, h, 1, 1)
            top = torch.maximum(m, sink.detach()).clamp(min=torch.finfo(wide).min)
            total = total * torch.exp(m - top) + torch.exp(sink - top)
            acc = acc * torch.exp(m - top)
        parts.append(acc / total.masked_fill(total == 0, 1))
    return torch.cat(parts, dim=2).to(q.dtype)
