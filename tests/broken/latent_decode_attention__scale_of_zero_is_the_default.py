"""A scale of zero is taken for none."""

import torch


def latent_decode_attention(
    q, q_rope, latent_cache, rope_cache, Wk_up, Wv_up, lengths, *, scale=None
):
    _batch, heads, _, width = q.shape
    latent = latent_cache.shape[2]
    wide = torch.promote_types(q.dtype, torch.float32)
    scale = scale or (width + q_rope.shape[-1]) ** -0.5
    live = torch.arange(latent_cache.shape[1]) < lengths[:, None]
    c = latent_cache.to(wide).masked_fill(~live[..., None], 0.0)
    r = rope_cache.to(wide).masked_fill(~live[..., None], 0.0)
    up = Wk_up.to(wide).view(latent, heads, width)
    s = torch.einsum("bhqc,bsc->bhqs", torch.einsum("bhqd,chd->bhqc", q.to(wide), up), c)
    s = (s + torch.einsum("bhqr,bsr->bhqs", q_rope.to(wide), r)) * scale
    hidden = ~live[:, None, None]
    dead = hidden.all(-1, keepdim=True)
    p = torch.softmax(s.masked_fill(hidden & ~dead, -torch.inf), -1).masked_fill(dead, 0.0)
    context = torch.einsum("bhqs,bsc->bhqc", p, c)
    out = torch.einsum("bhqc,chv->bhqv", context, Wv_up.to(wide).view(latent, heads, -1))
    return out.to(q.dtype)
