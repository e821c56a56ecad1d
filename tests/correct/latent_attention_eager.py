"""Eager, in the input's dtype throughout, the rotation and the softmax in float32."""

import torch

CONFORM = {"dtypes": ["float64", "float32", "bfloat16", "float16"]}


def _turn(x, positions, base, interleaved):
    half = x.shape[-1] // 2
    wide = torch.promote_types(x.dtype, torch.float32)
    angle = positions[..., None].to(wide) * base ** (-torch.arange(half, dtype=wide) / half)
    cos, sin = angle.cos(), angle.sin()
    a, b = (x[..., 0::2], x[..., 1::2]) if interleaved else (x[..., :half], x[..., half:])
    parts = (a * cos - b * sin, b * cos + a * sin)
    turned = torch.stack(parts, -1).flatten(-2) if interleaved else torch.cat(parts, -1)
    return turned.to(x.dtype)


def latent_attention(
    x, Wq, Wkv_down, Wk_rope, Wk_up, Wv_up, Wo, positions,
    *, heads, causal=False, base=10000.0, interleaved=False, scale=None,
):  # fmt: skip
    down, turn, up_k, up_v, h = Wkv_down, Wk_rope, Wk_up, Wv_up, x
    b, n, width = *x.shape[:2], Wk_up.shape[1] // heads
    split = lambda y: y.view(b, n, heads, -1).transpose(1, 2)  # noqa: E731
    latent, query = h @ down, split(h @ Wq)
    shared = _turn(h @ turn, positions, base, interleaved)[:, None].expand(-1, heads, -1, -1)
    rotary = _turn(query[..., width:], positions, base, interleaved)
    query = torch.cat([query[..., :width], rotary], -1)
    keys = torch.cat([split(latent @ up_k), shared], -1)
    s = query @ keys.mT * (query.shape[-1] ** -0.5 if scale is None else scale)
    if causal:
        s = s.masked_fill(torch.ones(n, n).triu(1).bool(), -torch.inf)
    p = torch.softmax(s, -1, dtype=torch.promote_types(s.dtype, torch.float32)).to(s.dtype)
    o = p @ split(latent @ up_v)
    return o.transpose(1, 2).flatten(2) @ Wo
