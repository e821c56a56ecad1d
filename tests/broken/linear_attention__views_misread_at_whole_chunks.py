"""Views are copied only where the last chunk is padded; at whole chunks of 64 tokens they are read
as if heads lay apart.
"""

import torch


def rows(x):
    """Copied where a tile has to be padded, read as if heads lay apart where not."""
    b, h, n, d = x.shape
    if n % 64 == 0 and x.stride(3) == 1 and x.stride(2) == h * d and x.stride(1) == d:
        return x.transpose(1, 2).reshape(b, h, n, d)
    return x


def phi(x):
    return torch.where(x > 0, x + 1, torch.exp(x.clamp(max=0)))


def linear_attention(q, k, v, *, causal=False):
    q, k, v = rows(q), rows(k), rows(v)
    wide = torch.promote_types(q.dtype, torch.float32)
    a, b, w = phi(q.to(wide)), phi(k.to(wide)), v.to(wide)
    if not causal:
        return ((a @ (b.mT @ w)) / (a * b.sum(-2, keepdim=True)).sum(-1, keepdim=True)).to(q.dtype)
    s = (a @ b.mT).tril()
    return (s @ w / s.sum(-1, keepdim=True)).to(q.dtype)
