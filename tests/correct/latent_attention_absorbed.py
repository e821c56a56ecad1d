"""The absorbed form in the input's dtype, with latents as keys and values."""

import torch

CONFORM = {"dtypes": ["float64", "float32", "bfloat16", "float16"]}


def _turn(x, positions, base, interleaved):
    half, wide = x.shape[-1] // 2, torch.promote_types(x.dtype, torch.float32)
    angle = positions[..., None].to(wide) * base ** (-torch.arange(half, dtype=wide) / half)
    cos, sin = angle.cos(), angle.sin()
    a, b = (x[..., 0::2], x[..., 1::2]) if interleaved else (x[..., :half], x[..., half:])
    parts = (a * cos - b * sin, b * cos + a * sin)
    turned = torch.stack(parts, -1).flatten(-2) if interleaved else torch.cat(parts, -1)
    return turned.to(x.dtype)


def _attend(content, rotary, latent, shared, Wk_up, Wv_up, visible, scale):
    (_, heads, _, width), rank = content.shape, latent.shape[-1]
    inside = torch.einsum("bhqd,chd->bhqc", content, Wk_up.view(rank, heads, width))
    s = inside @ latent[:, None].mT + rotary @ shared[:, None].mT
    s = s * ((width + rotary.shape[-1]) ** -0.5 if scale is None else scale)
    s = s.masked_fill(~visible, -torch.inf)
    wide = torch.promote_types(s.dtype, torch.float32)
    p = torch.softmax(s, -1, dtype=wide).nan_to_num(0.0).to(s.dtype)
    context = p @ latent[:, None]
    return torch.einsum("bhqc,chd->bhqd", context, Wv_up.view(rank, heads, -1))


def latent_attention(
    x, Wq, Wkv_down, Wk_rope, Wk_up, Wv_up, Wo, positions,
    *, heads, causal=False, base=10000.0, interleaved=False, scale=None,
):  # fmt: skip
    b, n, width = *x.shape[:2], Wk_up.shape[1] // heads
    query = (x @ Wq).view(b, n, heads, -1).transpose(1, 2)
    rotary = _turn(query[..., width:], positions, base, interleaved)
    shared = _turn(x @ Wk_rope, positions, base, interleaved)
    visible = torch.ones(n, n, dtype=torch.bool)
    visible = visible.tril() if causal else visible
    o = _attend(query[..., :width], rotary, x @ Wkv_down, shared, Wk_up, Wv_up, visible, scale)
    return o.transpose(1, 2).flatten(2) @ Wo


def latent_decode_attention(
    q, q_rope, latent_cache, rope_cache, Wk_up, Wv_up, lengths, *, scale=None
):
    filled = torch.arange(latent_cache.shape[1]) < lengths[:, None]
    latent = latent_cache.masked_fill(~filled[..., None], 0.0)
    shared = rope_cache.masked_fill(~filled[..., None], 0.0)
    return _attend(q, q_rope, latent, shared, Wk_up, Wv_up, filled[:, None, None], scale)
