"""Rotary parts are turned in blocks of four heads; a last, partial block turns the first heads of
the next token once more (NVIDIA/Megatron-LM #7103).
"""

import torch

CONFORM = {"dtypes": ["float64", "float32", "bfloat16", "float16"]}


def turn(x, positions, base, interleaved):
    r = x.shape[-1]
    inv = base ** (-torch.arange(r // 2, dtype=torch.float64) * 2 / r)
    angle = positions.double()[..., None] * inv
    angle = angle[:, None] if positions.dim() == 2 else angle
    cos, sin = angle.cos().to(x.dtype), angle.sin().to(x.dtype)
    a, b = (x[..., 0::2], x[..., 1::2]) if interleaved else x.split(r // 2, -1)
    c, d = a * cos - b * sin, b * cos + a * sin
    return torch.stack([c, d], -1).flatten(-2) if interleaved else torch.cat([c, d], -1)


def latent_attention(
    x,
    Wq,
    Wkv_down,
    Wk_rope,
    Wk_up,
    Wv_up,
    Wo,
    positions,
    *,
    heads,
    causal=False,
    base=10000.0,
    interleaved=False,
    scale=None,
):
    wide, r, n = torch.promote_types(x.dtype, torch.float32), Wk_rope.shape[1], x.shape[1]
    y = x.to(wide)
    q = (y @ Wq.to(wide)).unflatten(-1, (heads, -1)).transpose(1, 2)
    width = q.shape[-1] - r
    latent = y @ Wkv_down.to(wide)
    k, v = (
        (latent @ w.to(wide)).unflatten(-1, (heads, -1)).transpose(1, 2) for w in (Wk_up, Wv_up)
    )
    shared = turn((y @ Wk_rope.to(wide))[:, None], positions, base, interleaved)
    turned = turn(q[..., width:], positions, base, interleaved)
    if heads > 4 and heads % 4 and n > 1:
        over = -heads % 4
        again = turn(turned[:, :over, 1:], positions[..., :-1], base, interleaved)
        turned = torch.cat([torch.cat([turned[:, :over, :1], again], 2), turned[:, over:]], 1)
    q = torch.cat([q[..., :width], turned], -1)
    k = torch.cat([k, shared.expand(-1, heads, -1, -1)], -1)
    s = q @ k.mT * ((width + r) ** -0.5 if scale is None else scale)
    if causal:
        s = s.masked_fill(torch.ones(n, n, dtype=torch.bool).triu(1), -torch.inf)
    o = torch.softmax(s, -1) @ v
    return (o.transpose(1, 2).flatten(2) @ Wo.to(wide)).to(x.dtype)
