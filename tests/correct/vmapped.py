"""Batch axes by torch.func.vmap over functions of one sequence, one head or one expert."""

import torch
from torch.func import vmap


def up(*ts):
    return [t if t.dtype == torch.float64 else t.float() for t in ts]


def one(q, k, v, seen, scale):
    s = torch.where(seen, (q @ k.T) * scale, -torch.inf)
    m = s.amax(-1, keepdim=True)
    e = torch.exp(s - torch.where(torch.isinf(m), 0.0, m))
    z = e.sum(-1, keepdim=True)
    return torch.where(z > 0, e / torch.where(z > 0, z, 1.0), 0.0) @ v


def attention(q, k, v, *, causal=False, scale=None):
    B, H, Lq, D = q.shape
    K, Lk = k.shape[1], k.shape[2]
    if Lk == 0:
        return v.new_zeros(B, H, Lq, v.shape[-1])
    seen = torch.ones(Lq, Lk, dtype=torch.bool)
    seen = seen.tril(Lk - Lq) if causal else seen
    scale = D**-0.5 if scale is None else scale
    wide = up(q.reshape(B, K, H // K, Lq, D), k, v)
    per_group = vmap(lambda a, b, c: one(a, b, c, seen, scale), (0, None, None))
    out = vmap(vmap(per_group))(*wide)
    return out.reshape(B, H, Lq, -1).to(q.dtype)


def self_attention(x, Wq, Wk, Wv, *, causal=False):
    L = x.shape[1]
    seen = torch.ones(L, L, dtype=torch.bool)
    seen = seen.tril() if causal else seen
    a, wq, wk, wv = up(x, Wq, Wk, Wv)
    return vmap(lambda t: one(t @ wq, t @ wk, t @ wv, seen, Wq.shape[1] ** -0.5))(a).to(x.dtype)


def cross_attention(x, memory, Wq, Wk, Wv):
    seen = torch.ones(x.shape[1], memory.shape[1], dtype=torch.bool)
    a, m, wq, wk, wv = up(x, memory, Wq, Wk, Wv)

    def run(t, u):
        return one(t @ wq, u @ wk, u @ wv, seen, Wq.shape[1] ** -0.5)

    return vmap(run)(a, m).to(x.dtype)


def additive_score(h, s, W, v):
    H, S, w, u = up(h, s, W, v)

    def step(a, b):
        return u @ torch.tanh(w @ torch.cat([a, b]))

    return vmap(vmap(step, (0, None)))(H, S).to(h.dtype)


def bilinear_score(h, s, W):
    H, S, w = up(h, s, W)
    return vmap(vmap(lambda a, b: a @ w @ b, (0, None)))(H, S).to(h.dtype)


def layer_norm(x, gamma, beta, *, eps=1e-5):
    a, g, b = up(x, gamma, beta)
    flat = a.reshape(-1, a.shape[-1])

    def row(t):
        d = t - t.mean()
        return d / torch.sqrt(d.dot(d) / d.numel() + eps) * g + b

    if flat.shape[0] == 0:
        return x.clone()
    return vmap(row)(flat).reshape(x.shape).to(x.dtype)


def rope(x, positions, *, base=10000.0, scaling=1.0):
    (a,) = up(x)
    D = x.shape[-1]
    f = base ** (-torch.arange(0, D, 2, dtype=torch.float64) / D)
    angles = positions[..., None].double() / scaling * f
    cos, sin = angles.cos().to(a.dtype), angles.sin().to(a.dtype)

    def turn(t, c, s):
        a, b = t.chunk(2, -1)
        return torch.cat([a * c - b * s, b * c + a * s], -1)

    if positions.dim() == 1:
        return turn(a, cos, sin).to(x.dtype)
    if x.shape[0] == 0:
        return x.clone()
    return vmap(turn)(a, cos, sin).to(x.dtype)


def rnn_step(x, h, Wx, Wh, b):
    a, s, wx, wh, c = up(x, h, Wx, Wh, b)
    return vmap(lambda t, u: torch.tanh(t @ wx + u @ wh + c))(a, s).to(x.dtype)


def sam_masks(embedding, tokens):
    e, t = up(embedding, tokens)

    def one_token(m, w):
        return torch.tensordot(w, m, 1)

    return vmap(vmap(vmap(one_token, (None, 0)), (None, 0)))(e, t).to(embedding.dtype)


CONFORM = {"dtypes": ["float64", "float32", "bfloat16", "float16"]}
