"""Tables that grow and are kept: cosines and sines, triangles; a call takes rows of them."""

import functools

import torch

CONFORM = {"dtypes": ["float64", "float32", "bfloat16", "float16"]}


class Tables:
    def __init__(self):
        self.kept = {}

    def rows(self, positions, R, base, scaling):
        n = int(positions.max()) + 1 if positions.numel() else 1
        f = base ** (-torch.arange(0, R, 2, dtype=torch.float64) / max(R, 1))
        if n > 1 << 17 or (positions < 0).any():
            a = (positions.double() / scaling)[..., None] * f
            return a.cos(), a.sin()
        key = R, base, scaling
        if key not in self.kept or len(self.kept[key][0]) < n:
            a = torch.outer(torch.arange(max(2 * n, 64), dtype=torch.float64) / scaling, f)
            self.kept[key] = a.cos(), a.sin()
        return tuple(table[positions] for table in self.kept[key])


TABLES = Tables()


def rope(x, positions, *, base=10000.0, scaling=1.0, interleaved=False, rotary_dim=None):
    R = x.shape[-1] if rotary_dim is None else rotary_dim
    if R % 2 or x.shape[-1] < R:
        raise ValueError(f"rotary_dim={R}")
    w = torch.promote_types(x.dtype, torch.float32)
    c, s = (t.to(w) for t in TABLES.rows(positions, R, base, scaling))
    if positions.dim() == 2:
        c, s = (t.reshape(t.shape[0], *[1] * (x.dim() - 3), *t.shape[1:]) for t in (c, s))
    y = x[..., :R].to(w)
    a, b = (y[..., 0::2], y[..., 1::2]) if interleaved else y.tensor_split(2, -1)
    parts = torch.stack((a * c - b * s, b * c + a * s), -1 if interleaved else -2).flatten(-2)
    return torch.cat((parts.to(x.dtype), x[..., R:]), -1)


@functools.cache
def square(n):
    return torch.ones(n, n, dtype=torch.bool).tril()


def causal_mask(Lq, Lk):
    n = max(Lq, Lk)
    return square(n)[n - Lq : n, n - Lk : n].clone()


def padding_mask(lengths, L):
    return square(L + 1)[lengths.clamp(max=L)][:, :L] & (torch.arange(L) < lengths[:, None])


@functools.cache
def sines(n, dim, base):
    p = torch.arange(n, dtype=torch.float64)[:, None]
    f = torch.exp(
        torch.arange(0, dim, 2, dtype=torch.float64)
        * (-torch.log(torch.tensor(base, dtype=torch.float64)) / dim)
    )
    return torch.stack([(p * f).sin(), (p * f).cos()], 2).flatten(1).float()


def sinusoidal_encoding(length, dim, *, base=10000.0):
    if dim % 2 or length < 0:
        raise ValueError
    return sines(max(length, 8), dim, float(base))[:length].clone()
