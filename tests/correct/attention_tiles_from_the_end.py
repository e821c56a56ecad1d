"""Online softmax over tiles of 48 keys, last tile first; sinks are where its sums start."""

import math

import torch

CONFORM = {"dtypes": ["float64", "float32", "bfloat16", "float16"]}
TILE = 48


def attention_with_lse(
    q, k, v, *, causal=False, window=None, mask=None, bias=None, scale=None, softcap=None,
    sinks=None,
):  # fmt: skip
    wide = torch.promote_types(q.dtype, torch.float32)
    B, H, Lq, D = q.shape
    K, Lk = k.shape[1:3]
    s0 = D**-0.5 if scale is None else scale
    qq = q.to(wide).reshape(B, K, H // K, Lq, D)
    m = torch.full((B, K, H // K, Lq, 1), -math.inf, dtype=wide)
    if sinks is not None:
        m = sinks.to(wide).view(1, K, H // K, 1, 1).expand_as(m)
    total = torch.where(m == -math.inf, 0.0, 1.0).to(wide)
    o = torch.zeros(B, K, H // K, Lq, v.shape[-1], dtype=wide)
    rows = torch.arange(Lq)[:, None] + Lk - Lq

    def view(t):
        return t.expand(B, H, Lq, Lk).reshape(B, K, H // K, Lq, Lk)

    for end in range(Lk, 0, -TILE):
        at = slice(max(end - TILE, 0), end)
        s = torch.einsum("bkgid,bkjd->bkgij", qq, k[:, :, at].to(wide)) * s0
        if softcap is not None:
            s = torch.tanh(s / softcap) * softcap
        if bias is not None:
            s = s + view(bias.to(wide))[..., at]
        j = torch.arange(at.start, end)
        see = torch.ones(Lq, end - at.start, dtype=torch.bool)
        if causal:
            see = see & (j <= rows)
        if window is not None:
            see = see & (rows - j < window) & (j - rows < window)
        if mask is not None:
            see = see & view(mask)[..., at]
        s = s.masked_fill(~see, -math.inf)
        new = torch.maximum(m, s.amax(-1, keepdim=True))
        safe = new.masked_fill(new == -math.inf, 0.0)
        p = torch.exp(s - safe)
        f = torch.exp(m - safe)
        total = total * f + p.sum(-1, keepdim=True)
        o = o * f + torch.einsum("bkgij,bkjd->bkgid", p.to(q.dtype).to(wide), v[:, :, at].to(wide))
        m = new
    out = o / torch.where(total == 0, 1.0, total)
    lse = torch.where(total == 0, -math.inf, m + torch.log(torch.where(total == 0, 1.0, total)))[
        ..., 0
    ]
    return out.to(q.dtype).flatten(1, 2), lse.flatten(1, 2)


def attention(
    q, k, v, *, causal=False, window=None, mask=None, bias=None, scale=None, softcap=None,
    sinks=None,
):  # fmt: skip
    return attention_with_lse(
        q,
        k,
        v,
        causal=causal,
        window=window,
        mask=mask,
        bias=bias,
        scale=scale,
        softcap=softcap,
        sinks=sinks,
    )[0]
