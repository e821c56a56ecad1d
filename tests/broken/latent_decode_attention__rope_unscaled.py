"""Only the content scores are scaled; the rotary ones are added as they are."""

import math

import torch


def latent_decode_attention(
    q, q_rope, latent_cache, rope_cache, Wk_up, Wv_up, lengths, *, scale=None
):
    _batch, heads, _, width = q.shape
    latent = latent_cache.shape[2]
    wide = torch.promote_types(q.dtype, torch.float32)
    scale = 1 / math.sqrt(width + q_rope.shape[-1]) if scale is None else scale
    absorbed = torch.einsum(
        "bhqd,chd->bhqc", q.to(wide) * scale, Wk_up.to(wide).view(latent, heads, width)
    )
    c = latent_cache.to(wide)
    s = torch.einsum("bhqc,bsc->bhqs", absorbed, c) + torch.einsum(
        "bhqr,bsr->bhqs", q_rope.to(wide), rope_cache.to(wide)
    )
    seen = (torch.arange(c.shape[1]) < lengths[:, None])[:, None, None]
    p = torch.softmax(s.masked_fill(~seen, -math.inf), -1).masked_fill(
        ~seen.any(-1, keepdim=True), 0.0
    )
    context = torch.einsum("bhqs,bsc->bhqc", p, c)
    return torch.einsum("bhqc,chv->bhqv", context, Wv_up.to(wide).view(latent, heads, -1)).to(
        q.dtype
    )
