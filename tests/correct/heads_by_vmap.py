"""One head, one token or one code at a time, mapped over all of them by torch.func."""

import torch
from torch.func import vmap

CONFORM = {"dtypes": ["float64", "float32", "bfloat16", "float16"]}


def wide(*tensors):
    return [t.to(torch.promote_types(t.dtype, torch.float32)) for t in tensors]


def head(q, k, v, see, scale):
    s = torch.where(see, q @ k.mT * scale, -torch.inf)
    top = s.amax(-1, keepdim=True).clamp(min=torch.finfo(s.dtype).min)
    p = torch.exp(s - top)
    return (p / p.sum(-1, keepdim=True).clamp(min=torch.finfo(p.dtype).tiny)) @ v


def attention(q, k, v, *, causal=False, scale=None):
    scale = q.shape[-1] ** -0.5 if scale is None else scale
    if not k.shape[2]:
        return q.new_zeros(*q.shape[:3], v.shape[-1])
    see = torch.ones(q.shape[2], k.shape[2], dtype=torch.bool)
    see = see.tril(k.shape[2] - q.shape[2]) if causal else see
    y, kk, vv = wide(q, k, v)
    y = y.unflatten(1, (k.shape[1], -1))
    one = vmap(head, in_dims=(0, None, None, None, None))  # the queries of a group
    each = vmap(vmap(one, in_dims=(0, 0, 0, None, None)), in_dims=(0, 0, 0, None, None))
    return each(y, kk, vv, see, scale).flatten(1, 2).to(q.dtype)


def additive_score(h, s, W, v):
    def score(word, state, weight, out):
        return out @ torch.tanh(weight @ torch.cat((word, state)))

    rows = vmap(vmap(score, in_dims=(0, None, None, None)), in_dims=(0, 0, None, None))
    return rows(*wide(h, s, W, v)).to(h.dtype)


def layer_norm(x, gamma, beta, *, eps=1e-5):
    def token(row, g, b):
        centred = row - row.mean()
        return centred * torch.rsqrt(centred.square().mean() + eps) * g + b

    y, g, b = wide(x, gamma, beta)
    return (
        vmap(token, in_dims=(0, None, None))(y.reshape(-1, x.shape[-1]), g, b)
        .to(x.dtype)
        .reshape(x.shape)
    )


def vector_quantize(x, codebook):
    y, codes = wide(x, codebook)
    near = vmap(lambda row: (row - codes).square().sum(-1).argmin())(y.reshape(-1, y.shape[-1]))
    indices = near.reshape(x.shape[:-1])
    return indices, codebook[indices]
