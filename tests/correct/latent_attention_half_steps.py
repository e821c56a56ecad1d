"""Latent attention with absorbed up-projections, and its decoding, in the input's dtype."""

import torch

CONFORM = {"dtypes": ["float32", "bfloat16", "float16"]}


def turn(x, positions, base, interleaved):
    R = x.shape[-1]
    w = base ** (-torch.arange(0, R, 2, dtype=torch.float64) / R)
    angle = positions.double()[..., None] * w
    c, s = angle.cos().float(), angle.sin().float()
    if positions.dim() == 2:
        c, s = c[:, None], s[:, None]
    a, b = (x[..., 0::2], x[..., 1::2]) if interleaved else x.chunk(2, -1)
    a, b = a.float(), b.float()
    y = (a * c - b * s, a * s + b * c)
    y = torch.stack(y, -1).flatten(-2) if interleaved else torch.cat(y, -1)
    return y.to(x.dtype)


def latent_attention(
    x, Wq, Wkv_down, Wk_rope, Wk_up, Wv_up, Wo, positions,
    *, heads, causal=False, base=10000.0, interleaved=False, scale=None,
):  # fmt: skip
    B, L, _ = x.shape
    C, R = Wkv_down.shape[1], Wk_rope.shape[1]
    D, Dv = Wk_up.shape[1] // heads, Wv_up.shape[1] // heads
    q = (x @ Wq).view(B, L, heads, D + R).transpose(1, 2)
    latent = x @ Wkv_down
    key = turn((x @ Wk_rope)[:, None], positions, base, interleaved)
    rotated = turn(q[..., D:], positions, base, interleaved)
    absorbed = torch.einsum("bhld,chd->bhlc", q[..., :D], Wk_up.reshape(C, heads, D))
    s = absorbed @ latent[:, None].mT + rotated @ key.mT
    s = s.float() * ((D + R) ** -0.5 if scale is None else scale)
    if causal:
        s = s.masked_fill(torch.ones(L, L, dtype=torch.bool).triu(1), -torch.inf)
    context = s.softmax(-1).to(x.dtype) @ latent[:, None]
    o = torch.einsum("bhlc,chd->blhd", context, Wv_up.reshape(C, heads, Dv))
    return o.flatten(2) @ Wo


def latent_decode_attention(
    q, q_rope, latent_cache, rope_cache, Wk_up, Wv_up, lengths, *, scale=None
):
    _, H, _, D = q.shape
    C, S = latent_cache.shape[2], latent_cache.shape[1]
    if bool((lengths < 0).any()) or bool((lengths > S).any()):
        raise ValueError("lengths")
    ok = (torch.arange(S) < lengths[:, None])[..., None]
    latent, keys = (
        torch.where(ok, latent_cache, 0.0).float(),
        torch.where(ok, rope_cache, 0.0).float(),
    )
    absorbed = torch.einsum("bhld,chd->bhlc", q.float(), Wk_up.float().reshape(C, H, D))
    s = absorbed @ latent[:, None].mT + q_rope.float() @ keys[:, None].mT
    s = s * ((D + q_rope.shape[-1]) ** -0.5 if scale is None else scale)
    w = s.masked_fill(~ok[:, None, None, :, 0], -torch.inf).softmax(-1).nan_to_num(0.0)
    context = w @ latent[:, None]
    return torch.einsum("bhlc,chd->bhld", context, Wv_up.float().reshape(C, H, -1)).to(q.dtype)
