"""Cheaper attentions and scores in other orders: joined denominators, states, sorted rows."""

import torch
import torch.nn.functional as F

CONFORM = {"dtypes": ["float64", "float32", "bfloat16", "float16"]}


def _wide(x):
    return x.to(torch.promote_types(x.dtype, torch.float32))


def linformer_attention(q, k, v, Ek, Ev, *, scale=None):
    scale = q.shape[-1] ** -0.5 if scale is None else scale
    s = torch.einsum("bhld,bhnd,rn->bhlr", _wide(q) * scale, _wide(k), _wide(Ek))
    return torch.einsum("bhlr,rn,bhnd->bhld", torch.softmax(s, -1), _wide(Ev), _wide(v)).to(q.dtype)


def _features(x, omega):
    w = _wide(x)
    return torch.exp(F.linear(w, _wide(omega)) - w.square().sum(-1, keepdim=True).mul(0.5)).div(
        omega.shape[0] ** 0.5
    )


def performer_features(x, omega):
    return _features(x, omega).to(x.dtype)


def performer_attention(q, k, v, omega, *, causal=False):
    shrink = q.shape[-1] ** -0.25
    a, b = _features(_wide(q) * shrink, omega), _features(_wide(k) * shrink, omega)
    joined = F.pad(_wide(v), (0, 1), value=1.0)
    if causal:
        state, rows = joined.new_zeros(*q.shape[:2], omega.shape[0], joined.shape[-1]), []
        for t in range(q.shape[2]):
            state = state + b[:, :, t, :, None] * joined[:, :, t, None]
            rows.append((a[:, :, t, None] @ state)[:, :, 0])
        y = torch.stack(rows, 2) if rows else joined
    else:
        y = a @ (b.mT @ joined)
    return (y[..., :-1] / y[..., -1:]).to(q.dtype)


def clustered_attention(q, k, v, query_order, key_order, *, clusters):
    if q.shape[2] % clusters or k.shape[2] % clusters:
        raise ValueError(f"clusters={clusters}")
    a = q[:, :, query_order].unflatten(2, (clusters, -1))
    b, c = (t[:, :, key_order].unflatten(2, (clusters, -1)) for t in (k, v))
    o = F.scaled_dot_product_attention(a, b, c).flatten(2, 3)
    return torch.zeros_like(o).index_copy(2, query_order, o)


def reversible_block(x1, x2, f, g):
    y1 = x1 + f(x2)
    return y1, x2 + g(y1)


def reversible_inverse(y1, y2, f, g):
    x2 = y2 - g(y1)
    return y1 - f(x2), x2


def lsh_buckets(x, R):
    p = _wide(x) @ _wide(R)
    index = p.abs().argmax(-1)
    return torch.where(p.gather(-1, index[..., None])[..., 0] >= 0, index, index + R.shape[1])


def block_sparse_attention(q, k, v, block_mask, *, block_size):
    h = q.shape[1]
    k, v = (t.repeat_interleave(h // t.shape[1], 1) for t in (k, v))
    out = []
    for i, row in enumerate(block_mask):
        part = q[:, :, i * block_size : (i + 1) * block_size]
        chosen = row.nonzero()[:, 0]
        if not len(chosen):
            out.append(part[..., :1].expand(*part.shape[:3], v.shape[-1]) * 0)
            continue
        slots = (chosen[:, None] * block_size + torch.arange(block_size)).flatten()
        out.append(F.scaled_dot_product_attention(part, k[:, :, slots], v[:, :, slots]))
    return torch.cat(out, 2) if out else q


def seq2seq_attention(h, e):
    w = torch.softmax(_wide(e), -1)
    return torch.einsum("bt,btd->bd", w, _wide(h)).to(h.dtype), w.to(h.dtype)


def additive_score(h, s, W, v):
    first, second = W.split([h.shape[-1], s.shape[-1]], 1)
    return torch.tanh(F.linear(h, first) + F.linear(s, second)[:, None]) @ v


def bilinear_score(h, s, W):
    return torch.bmm(h, (s @ W.T)[..., None])[..., 0]


def dot_score(h, s):
    return (h * s[:, None]).sum(-1)


def mlp_score(h, s, W1, b1, W2, b2):
    joined = torch.cat([h, s[:, None].expand(-1, h.shape[1], -1)], -1)
    return torch.addmm(b2, torch.relu(torch.addmm(b1, joined.flatten(0, 1), W1)), W2).view(
        h.shape[:2]
    )
