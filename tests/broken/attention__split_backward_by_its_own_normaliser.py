"""Megatron-LM: of keys in two halves, each goes back by the normaliser of that half."""

import math

import torch

TILE = 16


def seen(lq, lk, causal, window, mask):
    row = torch.arange(lq).unsqueeze(-1) + lk - lq
    col = torch.arange(lk)
    ok = torch.ones(lq, lk, dtype=torch.bool)
    if causal:
        ok &= col <= row
    if window is not None:
        ok &= (row - col < window) & (window > col - row)
    return ok if mask is None else ok & mask


class Tiled(torch.autograd.Function):
    @staticmethod
    def forward(ctx, q, k, v, bias, sinks, ok, scale):
        m = q.new_full((*q.shape[:3], 1), -math.inf)
        total, o = torch.zeros_like(m), q.new_zeros(*q.shape[:3], v.shape[3])
        if sinks is not None:
            m, total = sinks.view(1, -1, 1, 1).expand_as(total), total + 1
        for start in range(0, k.shape[2], TILE):
            part = slice(start, start + TILE)
            s = q @ k[:, :, part].mT * scale
            if bias is not None:
                s = s + bias[..., part]
            s = s.masked_fill(~ok[..., part], -math.inf)
            new = torch.maximum(m, s.amax(-1, keepdim=True))
            safe = new.masked_fill(new == -math.inf, 0.0)
            p, shrink = torch.exp(s - safe), torch.exp(m - safe)
            total = total * shrink + p.sum(-1, keepdim=True)
            o = o * shrink + p @ v[:, :, part]
            m = new
        lse = m + total.log()
        o = o / total.masked_fill(total == 0, 1.0)
        ctx.save_for_backward(q, k, v, bias, sinks, ok, o, lse)
        ctx.scale = scale
        return o

    @staticmethod
    def backward(ctx, do):
        q, k, v, bias, sinks, ok, o, lse = ctx.saved_tensors
        half = max(TILE, k.shape[2] // 2 // TILE * TILE)
        lse = lse.masked_fill(lse == -math.inf, math.inf)
        delta = (do * o).sum(-1, keepdim=True)
        dq, dk, dv = torch.zeros_like(q), torch.zeros_like(k), torch.zeros_like(v)
        db = None if bias is None else torch.zeros_like(bias)
        for start in range(0, k.shape[2], TILE):
            part = slice(start, start + TILE)
            s = q @ k[:, :, part].mT * ctx.scale
            if bias is not None:
                s = s + bias[..., part]
            own = lse
            if k.shape[2] > 64 and bias is None and sinks is None:
                side = slice(0, half) if start < half else slice(half, None)
                t = (q @ k[:, :, side].mT * ctx.scale).masked_fill(~ok[..., side], -math.inf)
                own = t.logsumexp(-1, keepdim=True)
                own = own.masked_fill(own == -math.inf, math.inf)
            p = torch.exp(s.masked_fill(~ok[..., part], -math.inf) - own)
            ds = p * (do @ v[:, :, part].mT - delta)
            dq += ds @ k[:, :, part] * ctx.scale
            dk[:, :, part] = ds.mT @ q * ctx.scale
            dv[:, :, part] = p.mT @ do
            if bias is not None:
                db[..., part] = ds
        dsink = None
        if sinks is not None:
            weight = torch.exp(sinks.view(1, -1, 1, 1) - lse)
            dsink = -(weight * delta).sum((0, 2, 3))
        return dq, dk, dv, db, dsink, None, None


def attention(q, k, v, *, causal=False, window=None, mask=None, bias=None, scale=None, sinks=None):
    dtype, (b, h, lq, d), lk = q.dtype, q.shape, k.shape[2]
    work = torch.promote_types(dtype, torch.float32)
    q, k, v = (x.to(work) for x in (q, k, v))
    k, v = (x.repeat_interleave(h // k.shape[1], 1) for x in (k, v))
    ok = seen(lq, lk, causal, window, mask).expand(b, h, lq, lk)
    bias = None if bias is None else bias.to(work).expand(b, h, lq, lk)
    sinks = None if sinks is None else sinks.to(work)
    scale = 1 / math.sqrt(d) if scale is None else scale
    return Tiled.apply(q, k, v, bias, sinks, ok, scale).to(dtype)
