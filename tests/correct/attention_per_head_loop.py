"""One Python loop over batch and heads, one small softmax each."""

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


def one_head(q, k, v, see, bias, scale):
    s = torch.mm(q, k.t()) * scale
    s = s if bias is None else s + bias
    alive = see.any(-1, keepdim=True)
    s = s.masked_fill(~see & alive, -math.inf)  # dead rows stay finite and are zeroed below
    return torch.mm(torch.softmax(s, dim=-1), v) * alive


def attention(q, k, v, *, causal=False, window=None, mask=None, bias=None, scale=None):
    wide = torch.promote_types(q.dtype, torch.float32)
    (b, h, lq, d), (_, kv, lk, _) = q.shape, k.shape
    see = visible(lq, lk, causal, window, mask).expand(b, h, lq, lk)
    bias = None if bias is None else bias.to(wide).expand(b, h, lq, lk)
    scale = 1 / math.sqrt(d) if scale is None else scale
    rows = []
    for n in range(b):
        for head in range(h):
            source = head * kv // h
            local = None if bias is None else bias[n, head]
            qs, ks, vs = q[n, head].to(wide), k[n, source].to(wide), v[n, source].to(wide)
            rows.append(one_head(qs, ks, vs, see[n, head], local, scale))
    return torch.stack(rows).unflatten(0, (b, h)).to(q.dtype)
