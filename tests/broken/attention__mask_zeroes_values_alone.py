"""OpenNMT-py: on the fused path the mask of keys blanks their values and leaves their weights."""

import math

import torch
import torch.nn.functional as F


def allowed(lq, lk, causal, window, mask):
    i = torch.arange(lq)[:, None] + lk - lq
    j = torch.arange(lk)[None, :]
    ok = torch.ones(lq, lk, dtype=torch.bool) if mask is None else mask
    if causal:
        ok = ok & (j <= i)
    if window is not None:
        ok = ok & ((i - j < window) if causal else ((i - j).abs() < window))
    return ok


def fused(q, k, v, ok, bias, scale):
    added = torch.zeros(ok.shape, dtype=q.dtype).masked_fill(~ok, -math.inf)
    added = added if bias is None else added + bias
    o = F.scaled_dot_product_attention(q, k, v, attn_mask=added, scale=scale)
    some = ok.any(-1, keepdim=True)
    return torch.where(some, o, torch.zeros_like(o))


def manual(q, k, v, ok, bias, scale, softcap, sinks):
    s = q @ k.transpose(-1, -2) * scale
    if softcap is not None:
        s = torch.tanh(s / softcap) * softcap
    if bias is not None:
        s = s + bias
    s = s.masked_fill(~ok, -math.inf)
    if sinks is not None:
        s = torch.cat((s, sinks.view(1, -1, 1, 1).expand(len(s), -1, s.shape[2], 1)), -1)
        p = torch.softmax(s, -1)[..., :-1]
    else:
        p = torch.softmax(s, -1)
        p = torch.where(ok.any(-1, keepdim=True), p, torch.zeros_like(p))
    return p @ v


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
    dtype = q.dtype
    work = torch.float64 if dtype == torch.float64 else torch.float32
    scale = q.shape[-1] ** -0.5 if scale is None else scale
    times = q.shape[1] // k.shape[1]
    q, k, v = q.to(work), k.to(work), v.to(work)
    k, v = k.repeat_interleave(times, 1), v.repeat_interleave(times, 1)
    bias = None if bias is None else bias.to(work)
    if k.shape[2] == 0:
        return torch.zeros(*q.shape[:3], v.shape[3], dtype=dtype)
    if softcap is None and sinks is None:
        if mask is not None and mask.dim() == 4 and mask.shape[1:3] == (1, 1):
            v = v * mask.transpose(2, 3).to(work)
            mask = None
        ok = allowed(q.shape[2], k.shape[2], causal, window, mask)
        return fused(q, k, v, ok, bias, scale).to(dtype)
    ok = allowed(q.shape[2], k.shape[2], causal, window, mask)
    sinks = None if sinks is None else sinks.to(work)
    return manual(q, k, v, ok, bias, scale, softcap, sinks).to(dtype)
