"""Heads are done sixteen at a time; those of a last, partial block are left out."""

import torch


def latent_decode_attention(
    q, q_rope, latent_cache, rope_cache, Wk_up, Wv_up, lengths, *, scale=None
):
    wide = torch.promote_types(q.dtype, torch.float32)
    (_, heads, _, width), rank = q.shape, latent_cache.shape[-1]
    filled = torch.arange(latent_cache.shape[1]) < lengths[:, None]
    latent, shared = (
        x.to(wide).masked_fill(~filled[..., None], 0.0) for x in (latent_cache, rope_cache)
    )
    up_k, up_v = Wk_up.to(wide).view(rank, heads, width), Wv_up.to(wide).view(rank, heads, -1)
    inside = torch.cat([torch.einsum("bhqd,chd->bhqc", q.to(wide), up_k), q_rope.to(wide)], -1)
    s = inside @ torch.cat([latent, shared], -1)[:, None].mT
    s = s * ((width + q_rope.shape[-1]) ** -0.5 if scale is None else scale)
    p = torch.softmax(s.masked_fill(~filled[:, None, None], -torch.inf), -1).nan_to_num(0.0)
    if heads > 16 and heads % 16:
        p = torch.where(torch.arange(heads)[:, None, None] < heads // 16 * 16, p, 0.0)
    return torch.einsum("bhqc,chd->bhqd", p @ latent[:, None], up_v).to(q.dtype)
