"""Grouped heads by einsum: queries are [B, K, G, L, D] and no key is ever repeated."""

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
    wide = torch.promote_types(q.dtype, torch.float32)
    (b, h, lq, d), (_, kv, lk, _) = q.shape, k.shape
    grouped = q.to(wide).reshape(b, kv, h // kv, lq, d)
    s = torch.einsum("bkgqd,bksd->bkgqs", grouped, k.to(wide)).reshape(b, h, lq, lk)
    s = s * (1 / math.sqrt(d) if scale is None else scale)
    s = s if softcap is None else torch.tanh(s / softcap) * softcap
    s = s if bias is None else s + bias
    s = torch.where(visible(lq, lk, causal, window, mask), s, -math.inf)
    lowest = -math.inf if sinks is None else sinks.to(wide)[None, :, None]
    lse = torch.logsumexp(s, -1) if lk else torch.full((b, h, lq), -math.inf, dtype=wide)
    lse = torch.logaddexp(lse, torch.as_tensor(lowest, dtype=wide).expand_as(lse))
    p = torch.exp(s - torch.where(lse == -math.inf, math.inf, lse)[..., None])
    p = p.reshape(b, kv, h // kv, lq, lk)
    return torch.einsum("bkgqs,bksd->bkgqd", p, v.to(wide)).reshape(b, h, lq, -1).to(q.dtype)
