"""Chunks come with log-sum-exps of base 2 and are merged by natural exponentials."""

import math

import torch


def latent_decode_attention(
    q, q_rope, latent_cache, rope_cache, Wk_up, Wv_up, lengths, *, scale=None
):
    _batch, heads, _, width = q.shape
    rotary, size, latent = q_rope.shape[-1], latent_cache.shape[1], latent_cache.shape[2]
    wide = torch.promote_types(q.dtype, torch.float32)
    scale = 1 / math.sqrt(width + rotary) if scale is None else scale
    absorbed = torch.einsum("bhqd,chd->bhqc", q.to(wide), Wk_up.to(wide).view(latent, heads, width))
    out, lse = None, None
    for start in range(0, size, 8):
        c, r = (
            latent_cache[:, start : start + 8].to(wide),
            rope_cache[:, start : start + 8].to(wide),
        )
        s = (
            torch.einsum("bhqc,bsc->bhqs", absorbed, c)
            + torch.einsum("bhqr,bsr->bhqs", q_rope.to(wide), r)
        ) * scale
        seen = (start + torch.arange(c.shape[1]) < lengths[:, None])[:, None, None]
        some = seen.any(-1, keepdim=True)
        s = s.masked_fill(~seen, -math.inf).masked_fill(~some, 0.0)
        part = torch.einsum("bhqs,bsc->bhqc", torch.softmax(s, -1), c).masked_fill(~some, 0.0)
        one = (torch.logsumexp(s, -1, keepdim=True) * math.log2(math.e)).masked_fill(~some, -1e30)
        if out is None:
            out, lse = part, one
        else:
            top = torch.maximum(lse, one)
            a, b = torch.exp(lse - top), torch.exp(one - top)
            out, lse = (a * out + b * part) / (a + b), top + torch.log(a + b)
    return torch.einsum("bhqc,chv->bhqv", out, Wv_up.to(wide).view(latent, heads, -1)).to(q.dtype)
