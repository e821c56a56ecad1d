"""Chunks are merged by log-sum-exp; a sequence that ended in an earlier chunk brings 0, not
-inf.
"""

import math

import torch


def latent_decode_attention(
    q, q_rope, latent_cache, rope_cache, Wk_up, Wv_up, lengths, *, scale=None
):
    _batch, heads, _, width = q.shape
    rotary, size, latent = q_rope.shape[-1], latent_cache.shape[1], latent_cache.shape[2]
    wide = torch.promote_types(q.dtype, torch.float32)
    scale = 1 / math.sqrt(width + rotary) if scale is None else scale
    up = Wk_up.to(wide).view(latent, heads, width)
    absorbed = torch.einsum("bhqd,chd->bhqc", q.to(wide), up)
    parts, sums = [], []
    step = max(1, -(-size // 2))
    for start in range(0, size, step):
        c, r = (
            latent_cache[:, start : start + step].to(wide),
            rope_cache[:, start : start + step].to(wide),
        )
        s = (
            torch.einsum("bhqc,bsc->bhqs", absorbed, c)
            + torch.einsum("bhqr,bsr->bhqs", q_rope.to(wide), r)
        ) * scale
        seen = (start + torch.arange(c.shape[1]) < lengths[:, None])[:, None, None]
        s = s.masked_fill(~seen, -math.inf)
        some = seen.any(-1, keepdim=True)
        p = torch.softmax(s, -1).masked_fill(~some, 0.0)
        parts.append(torch.einsum("bhqs,bsc->bhqc", p, c))
        sums.append(
            torch.where(
                some,
                torch.logsumexp(s.masked_fill(~some, 0.0), -1, keepdim=True),
                torch.zeros((), dtype=wide),
            )
        )
    weights = torch.softmax(torch.stack(sums), 0)
    context = (weights * torch.stack(parts)).sum(0)
    out = torch.einsum("bhqc,chv->bhqv", context, Wv_up.to(wide).view(latent, heads, -1))
    return out.to(q.dtype)
