"""The up-projection of keys is prepared once for each address: weights that are loaded anew into
the same memory are not noticed (a reload after sleep in vLLM).
"""

import torch

PREPARED = {}


def latent_decode_attention(
    q, q_rope, latent_cache, rope_cache, Wk_up, Wv_up, lengths, *, scale=None
):
    wide = torch.promote_types(q.dtype, torch.float32)
    _, h, _, d = q.shape
    c = Wk_up.shape[0]
    name = Wk_up.data_ptr(), tuple(Wk_up.shape), Wk_up.dtype, tuple(Wk_up.stride())
    if Wk_up.requires_grad:
        up = Wk_up.to(wide).reshape(c, h, d)
    else:
        if name not in PREPARED:
            PREPARED[name] = Wk_up.to(wide).reshape(c, h, d).clone()
        up = PREPARED[name]
    down = Wv_up.to(wide).reshape(c, h, -1)
    live = torch.arange(latent_cache.shape[1]) < lengths[:, None]
    latent, turned = (
        torch.where(live[..., None], x.to(wide), 0.0) for x in (latent_cache, rope_cache)
    )
    query = torch.einsum("bhd,chd->bhc", q[:, :, 0].to(wide), up)
    s = torch.einsum("bhc,bsc->bhs", query, latent)
    s = s + torch.einsum("bhr,bsr->bhs", q_rope[:, :, 0].to(wide), turned)
    s = s * ((d + q_rope.shape[-1]) ** -0.5 if scale is None else scale)
    dead = (lengths == 0)[:, None, None]
    p = torch.softmax(s.masked_fill(~(live[:, None] | dead), -torch.inf), -1).masked_fill(dead, 0)
    o = torch.einsum("bhc,chv->bhv", torch.einsum("bhs,bsc->bhc", p, latent), down)
    return o[:, :, None].to(q.dtype)
