"""The backward pass for q reads only the first D channels of v and of the incoming gradient, too
few where Dv > D (XunhaoLai/native-sparse-attention-triton issue 27).
"""

import torch


class Attend(torch.autograd.Function):
    @staticmethod
    def forward(ctx, q, k, v, bias, sinks, seen, scale, softcap):
        B, H, Lq, _ = q.shape
        K, Lk = k.shape[1], k.shape[2]
        work = torch.float64 if q.dtype == torch.float64 else torch.float32
        keys = k.to(work).repeat_interleave(H // K, 1)
        values = v.to(work).repeat_interleave(H // K, 1)
        s = (q.to(work) @ keys.transpose(-1, -2)) * scale
        slope = None
        if softcap is not None:
            slope = 1 - torch.tanh(s / softcap) ** 2
            s = softcap * torch.tanh(s / softcap)
        if bias is not None:
            s = s + bias.to(work)
        s = s.masked_fill(~seen, float("-inf"))
        top = s.amax(-1, keepdim=True) if Lk else s.new_full((B, H, Lq, 1), float("-inf"))
        if sinks is not None:
            sink = sinks.to(work).view(1, H, 1, 1)
            top = torch.maximum(top, sink)
        top = top.masked_fill(top == float("-inf"), 0.0)
        p = torch.exp(s - top)
        total = p.sum(-1, keepdim=True)
        rest = None
        if sinks is not None:
            rest = torch.exp(sink - top)
            total = total + rest
        lse = torch.log(total) + top
        total = total.masked_fill(total == 0, 1.0)
        p = p / total
        out = p @ values
        ctx.save_for_backward(
            q, k, v, bias, sinks, p, out, rest / total if sinks is not None else None, slope
        )
        ctx.scale = scale
        ctx.softcap = softcap
        return out.to(q.dtype), lse.squeeze(-1)

    @staticmethod
    def backward(ctx, dout, dlse):
        q, k, v, bias, sinks, p, out, rest, slope = ctx.saved_tensors
        B, H, _Lq, D = q.shape
        K, Lk, Dv = k.shape[1], k.shape[2], v.shape[3]
        work = p.dtype
        keys = k.to(work).repeat_interleave(H // K, 1)
        values = v.to(work).repeat_interleave(H // K, 1)
        do = dout.to(work)
        delta = (do * out).sum(-1, keepdim=True)
        dl = dlse.to(work).unsqueeze(-1)
        dp = do @ values.transpose(-1, -2)
        ds = p * (dp - delta + dl)
        dv = (p.transpose(-1, -2) @ do).view(B, K, H // K, Lk, Dv).sum(2)
        dsinks = None
        if sinks is not None:
            dsinks = (rest * (dl - delta)).sum((0, 2, 3)).to(sinks.dtype)
        dbias = None
        if bias is not None:
            dbias = ds.sum_to_size(bias.shape).to(bias.dtype)
        if slope is not None:
            ds = ds * slope
        full = ds
        if Dv > D:
            dp = do[..., :D] @ values[..., :D].transpose(-1, -2)
            ds = p * (dp - delta)
            ds = ds if slope is None else ds * slope
        dq = (ds @ keys) * ctx.scale
        dk = (full.transpose(-1, -2) @ q.to(work)).view(B, K, H // K, Lk, D).sum(2) * ctx.scale
        return dq.to(q.dtype), dk.to(k.dtype), dv.to(v.dtype), dbias, dsinks, None, None, None


def visible(Lq, Lk, causal, window, mask):
    i = torch.arange(Lq)[:, None] + Lk - Lq
    j = torch.arange(Lk)
    seen = torch.ones(Lq, Lk, dtype=torch.bool)
    if causal:
        seen = seen & (j <= i)
    if window is not None:
        seen = seen & ((j > i - window) if causal else ((i - j).abs() < window))
    return seen if mask is None else seen & mask


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
    seen = visible(q.shape[2], k.shape[2], causal, window, mask)
    scale = q.shape[3] ** -0.5 if scale is None else scale
    return Attend.apply(q, k, v, bias, sinks, seen, scale, softcap)[0]
