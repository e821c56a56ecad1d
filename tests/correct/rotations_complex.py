"""Rotations as complex products, in complex64 for narrow inputs."""

import math

import torch


def wide(x):
    return x.double() if x.dtype == torch.float64 else x.float()


def unit(angles, dtype):
    return torch.polar(torch.ones_like(angles), angles).to(
        torch.complex128 if dtype == torch.float64 else torch.complex64
    )


def rope(x, positions, *, base=10000.0, scaling=1.0, interleaved=False, rotary_dim=None):
    D = x.shape[-1]
    R = D if rotary_dim is None else rotary_dim
    freq = (
        torch.exp(torch.arange(0, R, 2, dtype=torch.float64) * (-math.log(base) / R))
        if R
        else torch.zeros(0)
    )
    w = unit(
        torch.outer(positions.double().flatten() / scaling, freq).view(*positions.shape, -1),
        x.dtype,
    )
    if positions.dim() == 2:
        w = w.view(w.shape[0], *[1] * (x.dim() - 3), *w.shape[1:])
    a = wide(x[..., :R])
    pairs = a.unflatten(-1, (-1, 2)) if interleaved else a.unflatten(-1, (2, -1)).mT
    turned = torch.view_as_real(torch.view_as_complex(pairs.contiguous()) * w)
    turned = turned.flatten(-2) if interleaved else turned.mT.flatten(-2)
    return torch.cat([turned.to(x.dtype), x[..., R:]], -1)


def rope_score(q, k, distance, *, base=10000.0, scaling=1.0):
    half = q.shape[-1] // 2
    a, b = wide(q), wide(k)
    z = (
        torch.complex(a[..., :half], a[..., half:])
        * torch.complex(b[..., :half], b[..., half:]).conj()
    )
    freq = base ** (-torch.arange(half, dtype=torch.float64) / half)
    angle = distance.double()[..., None] / scaling * freq
    return (z * unit(angle, q.dtype)).real.sum(-1).to(q.dtype)


def sinusoidal_encoding(length, dim, *, base=10000.0):
    step = torch.exp(1j * base ** (-torch.arange(0, dim, 2, dtype=torch.float64) / dim))
    table = step[None] ** torch.arange(length, dtype=torch.float64)[:, None]
    return torch.stack([table.imag, table.real], -1).flatten(1)[:, :dim]


def sink_decode_attention(q, k_cache, v_cache, lengths, *, base=10000.0, scale=None):
    _B, H, _, D = q.shape
    K, S = k_cache.shape[1:3]
    half = D // 2
    freq = base ** (-torch.arange(half, dtype=torch.float64) / half)
    toward = lengths[:, None].double() - 1 - torch.arange(S)
    w = unit(toward[..., None] * freq, q.dtype)
    a, k, v = (
        wide(q),
        wide(k_cache).repeat_interleave(H // K, 1),
        wide(v_cache).repeat_interleave(H // K, 1),
    )
    seen = (torch.arange(S) < lengths[:, None])[:, None, :, None]
    k, v = k.masked_fill(~seen, 0.0), v.masked_fill(~seen, 0.0)
    z = (
        torch.complex(a[..., :half], a[..., half:])
        * torch.complex(k[..., :half], k[..., half:]).conj()
    )
    s = (z * w[:, None]).real.sum(-1) * (D**-0.5 if scale is None else scale)
    p = s.masked_fill(~seen[..., 0], -torch.inf).softmax(-1).nan_to_num(0.0)
    return (p[:, :, None] @ v).to(q.dtype)


CONFORM = {
    "dtypes": ["float64", "float32", "bfloat16", "float16"],
    "operators": {"rope": {}, "sinusoidal_encoding": {}},
}
