"""Splits of 128 slots are merged by the exponentials of their log-sum-exps, which overflow for
large queries (NVIDIA/cutlass #2274).
"""

import torch

CONFORM = {"dtypes": ["float64", "float32", "bfloat16", "float16"]}


def latent_decode_attention(
    q, q_rope, latent_cache, rope_cache, Wk_up, Wv_up, lengths, *, scale=None
):
    _b, heads, _, width = q.shape
    size, latent = latent_cache.shape[1:]
    wide = torch.promote_types(q.dtype, torch.float32)
    scale = (width + q_rope.shape[-1]) ** -0.5 if scale is None else scale
    absorbed = torch.einsum("bhqd,chd->bhqc", q.to(wide), Wk_up.to(wide).view(latent, heads, width))
    hidden = (torch.arange(size) >= lengths[:, None])[:, None, None]
    c, r = (x.to(wide).masked_fill(hidden[:, 0].mT, 0.0) for x in (latent_cache, rope_cache))
    s = torch.einsum("bhqc,bsc->bhqs", absorbed, c)
    s = (s + torch.einsum("bhqr,bsr->bhqs", q_rope.to(wide), r)) * scale
    s = s.masked_fill(hidden, -torch.inf)
    parts, weights = [], []
    for at in range(0, max(size, 1), 128):
        t, w = s[..., at : at + 128], c[:, None, at : at + 128]
        lse = torch.logsumexp(t, -1, keepdim=True)
        parts.append(torch.exp(t - torch.where(lse == -torch.inf, 0.0, lse)) @ w)
        weights.append(torch.exp(lse) if size > 128 else (lse > -torch.inf).to(wide))
    total = sum(weights)
    out = sum(x * y for x, y in zip(parts, weights, strict=True)) / total.masked_fill(
        total == 0, 1.0
    )
    return torch.einsum("bhqc,chv->bhqv", out, Wv_up.to(wide).view(latent, heads, -1)).to(q.dtype)
