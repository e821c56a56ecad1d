"""Scales by the content features alone; the rotary ones enlarge the scores too."""

import torch

MISTAKE = "latent_attention.scale-by-content"


def _turn(x, positions, base, interleaved):
    half = x.shape[-1] // 2
    angle = positions[..., None].to(x.dtype) * base ** (-torch.arange(half, dtype=x.dtype) / half)
    cos, sin = angle.cos(), angle.sin()
    a, b = (x[..., 0::2], x[..., 1::2]) if interleaved else (x[..., :half], x[..., half:])
    parts = (a * cos - b * sin, b * cos + a * sin)
    return torch.stack(parts, -1).flatten(-2) if interleaved else torch.cat(parts, -1)


def latent_attention(
    x, Wq, Wkv_down, Wk_rope, Wk_up, Wv_up, Wo, positions,
    *, heads, causal=False, base=10000.0, interleaved=False, scale=None,
):  # fmt: skip
    wide = torch.promote_types(x.dtype, torch.float32)
    h, Wq, down, turn, up_k, up_v, Wo = (
        w.to(wide) for w in (x, Wq, Wkv_down, Wk_rope, Wk_up, Wv_up, Wo)
    )
    b, n, width = *x.shape[:2], Wk_up.shape[1] // heads
    split = lambda y: y.view(b, n, heads, -1).transpose(1, 2)  # noqa: E731
    latent, query = h @ down, split(h @ Wq)
    shared = _turn(h @ turn, positions, base, interleaved)[:, None].expand(-1, heads, -1, -1)
    rotary = _turn(query[..., width:], positions, base, interleaved)
    query = torch.cat([query[..., :width], rotary], -1)
    keys = torch.cat([split(latent @ up_k), shared], -1)
    s = query @ keys.mT * (width**-0.5 if scale is None else scale)
    if causal:
        s = s.masked_fill(torch.ones(n, n).triu(1).bool(), -torch.inf)
    o = torch.softmax(s, -1) @ split(latent @ up_v)
    return (o.transpose(1, 2).flatten(2) @ Wo).to(x.dtype)
