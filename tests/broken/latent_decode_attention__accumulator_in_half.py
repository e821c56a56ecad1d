"""The latent of tiles of 32 slots is accumulated in half precision for inputs of half precision
(ggml-org/llama.cpp #28124).
"""

import torch

CONFORM = {"dtypes": ["float64", "float32", "bfloat16", "float16"]}


def latent_decode_attention(
    q, q_rope, latent_cache, rope_cache, Wk_up, Wv_up, lengths, *, scale=None
):
    b, heads, _, width = q.shape
    size, latent = latent_cache.shape[1:]
    wide = torch.promote_types(q.dtype, torch.float32)
    scale = (width + q_rope.shape[-1]) ** -0.5 if scale is None else scale
    absorbed = torch.einsum("bhqd,chd->bhqc", q.to(wide), Wk_up.to(wide).view(latent, heads, width))
    hidden = (torch.arange(size) >= lengths[:, None])[:, None, None]
    c, r = (x.to(wide).masked_fill(hidden[:, 0].mT, 0.0) for x in (latent_cache, rope_cache))
    s = torch.einsum("bhqc,bsc->bhqs", absorbed, c)
    s = (s + torch.einsum("bhqr,bsr->bhqs", q_rope.to(wide), r)) * scale
    s = s.masked_fill(hidden, -torch.inf)
    lse = torch.logsumexp(s, -1, keepdim=True)
    p = torch.exp(s - torch.where(lse == -torch.inf, 0.0, lse))
    out = torch.zeros(b, heads, 1, latent, dtype=q.dtype)
    for at in range(0, size, 32):
        out = (out.to(wide) + p[..., at : at + 32] @ c[:, None, at : at + 32]).to(q.dtype)
    out = out.to(wide)
    return torch.einsum("bhqc,chv->bhqv", out, Wv_up.to(wide).view(latent, heads, -1)).to(q.dtype)
