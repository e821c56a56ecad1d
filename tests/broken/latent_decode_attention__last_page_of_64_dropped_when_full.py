"""When a length is a multiple of 64 and longer than one page, its last page counts as empty."""

import math

import torch


def latent_decode_attention(
    q, q_rope, latent_cache, rope_cache, Wk_up, Wv_up, lengths, *, scale=None
):
    w = torch.float64 if q.dtype == torch.float64 else torch.float32
    B, H, _, D = q.shape
    S, C = latent_cache.shape[1:]
    scale = 1 / math.sqrt(D + q_rope.shape[-1]) if scale is None else scale
    filled = torch.arange(S) < lengths[:, None]
    latent = torch.where(filled[..., None], latent_cache.to(w), 0.0)
    kr = torch.where(filled[..., None], rope_cache.to(w), 0.0)
    absorbed = torch.einsum("bhd,chd->bhc", q[:, :, 0].to(w), Wk_up.to(w).reshape(C, H, D))
    s = (absorbed @ latent.transpose(1, 2) + q_rope[:, :, 0].to(w) @ kr.transpose(1, 2)) * scale
    s = s.masked_fill(~filled[:, None], float("-inf"))
    if S == 0:
        return q.new_zeros(B, H, 1, Wv_up.shape[1] // H)
    top = s.amax(-1, keepdim=True)
    e = torch.exp(s - torch.where(torch.isinf(top), 0.0, top))
    for n in range(B):
        m = int(lengths[n])
        if m > 64 and m % 64 == 0:
            e[n, :, m - 64 : m] = 0
    total = e.sum(-1, keepdim=True)
    ctx = e / torch.where(total == 0, 1.0, total) @ latent
    o = torch.einsum("bhc,chd->bhd", ctx, Wv_up.to(w).reshape(C, H, -1))
    return o[:, :, None].to(q.dtype)
