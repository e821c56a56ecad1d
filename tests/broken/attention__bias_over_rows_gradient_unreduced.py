"""A bias shared by all rows gets its gradient from the last tile of 64 rows only."""

import math

import torch


def _wide(*tensors):
    return torch.float64 if any(t.dtype == torch.float64 for t in tensors) else torch.float32


def _seen(Lq, Lk, causal=False, window=None):
    i = torch.arange(Lq)[:, None] + (Lk - Lq)
    j = torch.arange(Lk)
    ok = torch.ones(Lq, Lk, dtype=torch.bool)
    if causal:
        ok &= j <= i
    if window is not None:
        ok &= j > i - window
        if not causal:
            ok &= j < i + window
    return ok


BLOCK = 32


class _Flash(torch.autograd.Function):
    @staticmethod
    def forward(ctx, q, k, v, bias, sinks, visible, scale, softcap):
        w = _wide(q, k, v)
        B, H, Lq, _D = q.shape
        Lk, g = k.shape[2], H // k.shape[1]
        Q, K, V = q.to(w), k.to(w).repeat_interleave(g, 1), v.to(w).repeat_interleave(g, 1)
        visible = visible.expand(B, H, Lq, Lk)
        m = Q.new_full((B, H, Lq), float("-inf"))
        norm = Q.new_zeros(B, H, Lq)
        acc = Q.new_zeros(B, H, Lq, V.shape[-1])
        for a in range(0, Lk, BLOCK):
            z = min(a + BLOCK, Lk)
            s = Q @ K[:, :, a:z].transpose(-1, -2) * scale
            if softcap is not None:
                s = softcap * torch.tanh(s / softcap)
            if bias is not None:
                s = s + bias.to(w).expand(B, H, Lq, Lk)[..., a:z]
            s = s.masked_fill(~visible[..., a:z], float("-inf"))
            new = torch.maximum(m, s.amax(-1))
            safe = torch.where(torch.isinf(new), 0.0, new)
            p = torch.exp(s - safe[..., None])
            alpha = torch.exp(m - safe)
            norm = norm * alpha + p.sum(-1)
            acc = acc * alpha[..., None] + p @ V[:, :, a:z]
            m = new
        if sinks is not None:
            sink = sinks.to(w).reshape(1, -1, 1)
            top = torch.maximum(m, sink)
            real, top = top.expand_as(m), torch.where(torch.isinf(top), 0.0, top)
            norm = norm * torch.exp(m - top) + torch.exp(sink - top)
            acc = acc * torch.exp(m - top)[..., None]
            m = real
        o = acc / torch.where(norm == 0, 1.0, norm)[..., None]
        lse = torch.where(norm == 0, float("-inf"), m + torch.log(norm))
        ctx.save_for_backward(q, k, v, bias, sinks, visible, o, lse)
        ctx.options = scale, softcap
        return o.to(q.dtype), lse

    @staticmethod
    def backward(ctx, do, dlse):
        q, k, v, bias, sinks, visible, o, lse = ctx.saved_tensors
        scale, softcap = ctx.options
        w = o.dtype
        B, H, Lq, D = q.shape
        Lk, groups = k.shape[2], k.shape[1]
        g = H // groups
        Q, K, V = q.to(w), k.to(w).repeat_interleave(g, 1), v.to(w).repeat_interleave(g, 1)
        do = do.to(w)
        s = Q @ K.transpose(-1, -2) * scale
        slope = 1.0
        if softcap is not None:
            t = torch.tanh(s / softcap)
            s, slope = softcap * t, 1 - t * t
        if bias is not None:
            s = s + bias.to(w)
        s = s.masked_fill(~visible, float("-inf"))
        p = torch.exp(s - torch.where(torch.isinf(lse), 0.0, lse)[..., None])
        delta = (do * o).sum(-1) - torch.where(torch.isinf(lse), 0.0, dlse.to(w))
        dp = do @ V.transpose(-1, -2)
        ds = p * (dp - delta[..., None])
        dbias = dsinks = None
        if bias is not None and ctx.needs_input_grad[3]:
            part = ds
            if bias.dim() == 4 and bias.shape[2] == 1 and Lq > 64:
                part = ds[:, :, (Lq - 1) // 64 * 64 :]
            dbias = part.sum_to_size(bias.shape).to(bias.dtype)
        if sinks is not None and ctx.needs_input_grad[4]:
            ps = torch.exp(sinks.to(w).reshape(1, -1, 1) - torch.where(torch.isinf(lse), 0.0, lse))
            dsinks = (-ps * delta).sum((0, 2)).to(sinks.dtype)
        ds = ds * slope * scale
        dq = ds @ K
        dk = ds.transpose(-1, -2) @ Q
        dv = p.transpose(-1, -2) @ do
        dk = dk.reshape(B, groups, g, Lk, D).sum(2)
        dv = dv.reshape(B, groups, g, Lk, -1).sum(2)
        return dq.to(q.dtype), dk.to(k.dtype), dv.to(v.dtype), dbias, dsinks, None, None, None


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
    Lq, Lk, D = q.shape[2], k.shape[2], q.shape[3]
    scale = 1 / math.sqrt(D) if scale is None else scale
    visible = _seen(Lq, Lk, causal, window)[None, None]
    if mask is not None:
        visible = visible & mask
    o, _ = _Flash.apply(q, k, v, bias, sinks, visible, scale, softcap)
    return o
