"""Where a head's value width is that of the latent, its up-projection is applied transposed
(invented).
"""

import math

import torch


def latent_decode_attention(
    q, q_rope, latent_cache, rope_cache, Wk_up, Wv_up, lengths, *, scale=None
):
    wide = torch.promote_types(q.dtype, torch.float32)
    (_b, h, _, d), r, (_, _size, c) = q.shape, q_rope.shape[-1], latent_cache.shape
    scale = 1 / math.sqrt(d + r) if scale is None else scale
    k_up = Wk_up.to(wide).unflatten(-1, (h, d))
    v_up = Wv_up.to(wide).unflatten(-1, (h, -1))
    rows = []
    for n, length in enumerate(lengths.tolist()):
        lat, rot = latent_cache[n, :length].to(wide), rope_cache[n, :length].to(wide)
        qa = torch.einsum("hd,chd->hc", q[n, :, 0].to(wide), k_up)
        s = (qa @ lat.T + q_rope[n, :, 0].to(wide) @ rot.T) * scale
        o = torch.softmax(s, -1) @ lat
        if v_up.shape[-1] == c:
            rows.append(torch.einsum("hc,vhc->hv", o, v_up))
        else:
            rows.append(torch.einsum("hc,chv->hv", o, v_up))
    return torch.stack(rows)[:, :, None].to(q.dtype)
