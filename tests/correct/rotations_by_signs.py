"""Rotations as x cos + x[other] sin with signs in the table; buckets of T5 by integers alone."""

import torch

CONFORM = {"dtypes": ["float64", "float32", "bfloat16", "float16"]}


def rope(x, positions, *, base=10000.0, scaling=1.0, interleaved=False, rotary_dim=None):
    D = x.shape[-1]
    R = D if rotary_dim is None else rotary_dim
    if R % 2 or R > D:
        raise ValueError
    j = torch.arange(D)
    pair = j // 2 if interleaved else j % max(R // 2, 1)
    other = (j ^ 1) if interleaved else torch.where(j < R // 2, j + R // 2, j - R // 2)
    first = (j % 2 == 0) if interleaved else j < R // 2
    live = j < R
    other = torch.where(live, other, j)
    angle = (positions.double() / scaling)[..., None] * torch.where(
        live, base ** (-2.0 * pair.double() / max(R, 1)), 0.0
    )
    if angle.dim() == 3:
        angle = angle.view(angle.shape[0], *[1] * (x.dim() - 3), *angle.shape[1:])
    w = torch.promote_types(x.dtype, torch.float32)
    c, s = angle.cos().to(w), (angle.sin() * torch.where(first, -1.0, 1.0)).to(w)
    y = x.to(w)
    return torch.addcmul(y * c, y.index_select(-1, other), s).to(x.dtype)


def sinusoidal_encoding(length, dim, *, base=10000.0):
    if dim % 2:
        raise ValueError
    p = torch.arange(length, dtype=torch.float64)
    f = torch.tensor([base ** (-2 * (c // 2) / dim) for c in range(dim)], dtype=torch.float64)
    shift = torch.tensor([0.0, torch.pi / 2], dtype=torch.float64).repeat(dim // 2)
    return torch.sin(torch.outer(p, f) + shift).float()


def alibi_bias(heads, Lq, Lk):
    n = 2 ** (heads.bit_length() - 1)
    m = [2 ** (-8 * (i + 1) / n) for i in range(n)] + [
        2 ** (-8 * (i + 0.5) / n) for i in range(heads - n)
    ]
    rel = torch.arange(Lk)[None] - torch.arange(Lk - Lq, Lk)[:, None]
    return torch.tensor(m[:heads])[:, None, None] * -rel.abs()


def relative_position_bucket(relative, *, bidirectional=True, buckets=32, max_distance=128):
    n = buckets // 2 if bidirectional else buckets
    e = n // 2

    def one(r):
        base = n if bidirectional and r > 0 else 0
        r = abs(r) if bidirectional else max(-r, 0)
        if r < e:
            return base + r
        b = e
        # exact in integers: r >= e (max / e)^(j / (n - e))  <=>  r^(n - e) e^j >= e^(n - e) max^j
        while b < n - 1 and r ** (n - e) * e ** (b + 1 - e) >= e ** (n - e) * max_distance ** (
            b + 1 - e
        ):
            b += 1
        return base + b

    return torch.tensor(
        [one(int(r)) for r in relative.reshape(-1).tolist()], dtype=torch.long
    ).reshape(relative.shape)
