"""Online softmax over key tiles of 16, probabilities kept in float32."""

import math

import torch

TILE = 16
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
    narrow, wide = q.dtype, torch.promote_types(q.dtype, torch.float32)
    (b, h, lq, d), lk = q.shape, k.shape[2]
    k, v = (x.repeat_interleave(h // x.shape[1], dim=1).to(wide) for x in (k, v))
    see = visible(lq, lk, causal, window, mask).expand(b, h, lq, lk)
    bias = None if bias is None else bias.expand(b, h, lq, lk)
    scale = d**-0.5 if scale is None else scale
    q = q.to(wide)
    out, total = q.new_zeros(b, h, lq, v.shape[-1]), q.new_zeros(b, h, lq, 1)
    top = torch.full((b, h, lq, 1), -math.inf, dtype=wide)
    if sinks is not None:  # the sink is a key without a value, met first
        top, total = sinks.to(wide).view(1, h, 1, 1).expand_as(top), torch.ones_like(total)
    for tile in (slice(start, start + TILE) for start in range(0, lk, TILE)):
        s = q @ k[..., tile, :].mT * scale
        s = s if softcap is None else softcap * torch.tanh(s / softcap)
        s = s if bias is None else s + bias[..., tile]
        s = s.masked_fill(~see[..., tile], -math.inf)
        new = torch.maximum(top, s.amax(-1, keepdim=True).detach())
        safe = new.clamp(min=torch.finfo(wide).min)
        shrink, p = torch.exp(top - safe), torch.exp(s - safe)
        total, out = total * shrink + p.sum(-1, keepdim=True), out * shrink + p @ v[..., tile, :]
        top = new
    return (out / total.masked_fill(total == 0, 1)).to(narrow)
