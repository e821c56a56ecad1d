"""Everything upcast to float64, rounded once at the end."""

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
    h, lk = q.shape[1], k.shape[2]
    k, v = (x.double().repeat_interleave(h // x.shape[1], dim=1) for x in (k, v))
    s = torch.einsum("bhqd,bhkd->bhqk", q.double(), k) / math.sqrt(q.shape[-1])
    s = s if scale is None else s * (scale * math.sqrt(q.shape[-1]))
    s = s if softcap is None else softcap * torch.tanh(s / softcap)
    s = s if bias is None else s + bias.double()
    s = s.masked_fill(~visible(q.shape[2], lk, causal, window, mask), -math.inf)
    extra = torch.full((h,), -math.inf, dtype=s.dtype) if sinks is None else sinks.double()
    s = torch.cat([extra[:, None, None].expand(*s.shape[:3], 1), s], dim=-1)
    top = s.detach().amax(-1, keepdim=True)
    p = torch.exp(s - torch.where(top == -math.inf, 0.0, top))
    total = p.sum(-1, keepdim=True)
    p = p / torch.where(total > 0, total, 1.0)
    return torch.einsum("bhqk,bhkd->bhqd", p[..., 1:], v).to(q.dtype)
