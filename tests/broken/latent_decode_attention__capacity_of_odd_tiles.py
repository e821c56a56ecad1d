"""Chunks of 32 slots: with an odd number of them, of which there are three or more, the middle
one comes twice.
"""

import torch


def latent_decode_attention(
    q, q_rope, latent_cache, rope_cache, Wk_up, Wv_up, lengths, *, scale=None
):
    wide = torch.promote_types(q.dtype, torch.float32)
    _b, h, _, d = q.shape
    size, c = latent_cache.shape[1:]
    scale = (d + q_rope.shape[-1]) ** -0.5 if scale is None else scale
    seen = torch.arange(size) < lengths[:, None]
    latent = latent_cache.to(wide).masked_fill(~seen[..., None], 0.0)
    rotary = rope_cache.to(wide).masked_fill(~seen[..., None], 0.0)
    up = Wk_up.to(wide).reshape(c, h, d)
    absorbed = torch.einsum("bhd,chd->bhc", q[:, :, 0].to(wide), up)

    s = torch.einsum("bhc,bsc->bhs", absorbed, latent)
    s = (s + torch.einsum("bhr,bsr->bhs", q_rope[:, :, 0].to(wide), rotary)) * scale
    s = s.masked_fill(~seen[:, None], -torch.inf)
    empty = (lengths == 0)[:, None, None]
    n = size // 32
    if size % 32 == 0 and n > 2 and n % 2:
        at = n // 2 * 32
        s = s.clone()
        s[..., at : at + 32] += 0.6931471805599453
    p = torch.softmax(s.masked_fill(empty, 0.0), -1).masked_fill(empty, 0.0)
    o = torch.einsum("bhs,bsc->bhc", p, latent)

    out = torch.einsum("bhc,chv->bhv", o, Wv_up.to(wide).reshape(c, h, -1))
    return out[:, :, None].to(q.dtype)
