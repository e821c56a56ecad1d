"""Plain two-pass attention: all scores, a softmax in float32 or wider, one product with V."""

import math

import torch

CONFORM = {"dtypes": ["float64", "float32", "bfloat16", "float16"]}


def visible(lq, lk, causal, window, mask):
    """Which keys each query may attend to, the last query in line with the last key."""
    i = torch.arange(lq)[:, None] + lk - lq
    j = torch.arange(lk)[None, :]
    see = torch.ones(lq, lk, dtype=torch.bool)
    if causal:
        see = see & (j <= i)
    if window is not None:
        see = see & ((i - j).abs() < window)
    return see if mask is None else see & mask


def weights_and_width(q, k, causal, window, mask, bias, scale, softcap, sinks):
    wide = torch.promote_types(q.dtype, torch.float32)
    keys = k.repeat_interleave(q.shape[1] // k.shape[1], dim=1).to(wide)
    s = q.to(wide) @ keys.mT * (q.shape[-1] ** -0.5 if scale is None else scale)
    if softcap is not None:
        s = softcap * torch.tanh(s / softcap)
    if bias is not None:
        s = s + bias
    s = s.masked_fill(~visible(q.shape[2], k.shape[2], causal, window, mask), -math.inf)
    sink = torch.full((1,), -math.inf, dtype=wide) if sinks is None else sinks.to(wide)
    s = torch.cat([s, sink.view(1, -1, 1, 1).expand(*s.shape[:3], 1)], dim=-1)
    p = torch.exp(s - s.amax(-1, keepdim=True).detach().clamp(min=torch.finfo(wide).min))
    total = p.sum(-1, keepdim=True)
    return p[..., :-1] / total.masked_fill(total == 0, 1), wide


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
    p, wide = weights_and_width(q, k, causal, window, mask, bias, scale, softcap, sinks)
    return (p @ v.repeat_interleave(q.shape[1] // v.shape[1], dim=1).to(wide)).to(q.dtype)


def attention_weights(q, k, *, causal=False, window=None, mask=None, bias=None, scale=None):
    return weights_and_width(q, k, causal, window, mask, bias, scale, None, None)[0].to(q.dtype)
