"""lighthouse: the mask is repeated in another order than batch and heads are flattened."""

import math

import torch


def wide(x):
    return x if x.dtype == torch.float64 else x.float()


def visible(lq, lk, causal, window):
    at = torch.arange(lq).unsqueeze(1) + (lk - lq)
    key = torch.arange(lk)
    seen = torch.ones(lq, lk, dtype=torch.bool)
    if causal:
        seen = seen & (key <= at)
    if window is not None:
        near = at - key < window if causal else (at - key).abs() < window
        seen = seen & near
    return seen


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
    heads, size = q.shape[1], q.shape[3]
    groups = heads // k.shape[1]
    keys, values = (wide(x).repeat_interleave(groups, dim=1) for x in (k, v))
    scale = 1 / math.sqrt(size) if scale is None else scale
    scores = torch.einsum("bhid,bhjd->bhij", wide(q), keys) * scale
    if softcap is not None:
        scores = softcap * torch.tanh(scores / softcap)
    if bias is not None:
        scores = scores + wide(bias)
    hidden = ~visible(q.shape[2], k.shape[2], causal, window)
    if mask is not None:
        b, lq, lk = len(q), q.shape[2], k.shape[2]
        if mask.dim() == 4 and mask.shape[1] == 1 and mask.shape[0] == b:
            flat = mask[:, 0].expand(b, lq, lk).repeat(heads, 1, 1)
            mask = flat.unflatten(0, (b, heads))
        hidden = hidden | ~mask
    scores = scores.masked_fill(hidden, -math.inf)
    if sinks is not None:
        extra = wide(sinks)[None, :, None, None].expand(*scores.shape[:3], 1)
        scores = torch.cat([scores, extra], dim=-1)
    top = (
        scores.amax(-1, keepdim=True)
        if scores.shape[-1]
        else scores.new_zeros(*scores.shape[:3], 1)
    )
    top = top.masked_fill(top == -math.inf, 0.0).detach()
    p = torch.exp(scores - top)
    total = p.sum(-1, keepdim=True)
    p = p / total.masked_fill(total == 0, 1.0)
    return (p[..., : k.shape[2]] @ values).to(q.dtype)
