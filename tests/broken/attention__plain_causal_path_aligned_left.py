"""The fast path of a causal mask alone aligns it with the first key."""

import math

import torch


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
    plain = mask is None and bias is None and window is None and softcap is None and sinks is None
    plain = plain and causal and scale is None
    group = q.shape[1] // k.shape[1]
    wide = torch.promote_types(q.dtype, torch.float32)
    q_, k_, v_ = q.to(wide), k.to(wide), v.to(wide)
    k_, v_ = k_.repeat_interleave(group, 1), v_.repeat_interleave(group, 1)
    Lq, Lk = q.shape[2], k.shape[2]
    scale = 1 / math.sqrt(q.shape[3]) if scale is None else scale
    scores = (q_ * scale) @ k_.mT
    if softcap is not None:
        scores = softcap * torch.tanh(scores / softcap)
    if bias is not None:
        scores = scores + bias.to(wide)
    i = torch.arange(Lq)[:, None] + (0 if plain else Lk - Lq)
    j = torch.arange(Lk)[None]
    seen = torch.ones(Lq, Lk, dtype=torch.bool)
    if causal:
        seen = seen & (j <= i)
    if window is not None:
        seen = seen & ((i - j).abs() < window if not causal else i - j < window)
    if mask is not None:
        seen = seen & mask
    seen = seen.expand(*scores.shape)
    live = seen.any(-2).unsqueeze(-1)
    v_ = torch.where(live, v_, 0.0)
    scores = scores.masked_fill(~seen, -math.inf)
    if sinks is not None:
        sink = sinks.to(wide).view(1, -1, 1, 1).expand(*scores.shape[:3], 1)
        scores = torch.cat([scores, sink], -1)
    top = scores.amax(-1, keepdim=True) if scores.shape[-1] else scores.sum(-1, keepdim=True)
    p = torch.exp(scores - torch.where(torch.isinf(top), 0.0, top).detach())
    total = p.sum(-1, keepdim=True)
    if sinks is not None:
        p = p[..., :-1]
    return ((p / torch.where(total == 0, 1.0, total)) @ v_).to(q.dtype)
