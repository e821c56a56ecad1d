"""tanh as 2 sigmoid(2 x) - 1, which Triton kernels have for want of another."""

import torch

CONFORM = {"dtypes": ["float32", "bfloat16", "float16"]}


def up(t):
    return t.to(torch.promote_types(t.dtype, torch.float32))


def tanh(x):
    return 2 * torch.sigmoid(2 * x) - 1


def attention(q, k, v, *, causal=False, scale=None, softcap=None):
    g = q.shape[1] // k.shape[1]
    s = up(q) @ up(k).repeat_interleave(g, 1).mT * (q.shape[-1] ** -0.5 if scale is None else scale)
    if softcap is not None:
        s = softcap * tanh(s / softcap)
    if causal:
        s = s.masked_fill(
            torch.ones(s.shape[-2:], dtype=torch.bool).triu(s.shape[-1] - s.shape[-2] + 1),
            -torch.inf,
        )
    dead = torch.isneginf(s).all(-1, keepdim=True)
    p = torch.softmax(s.masked_fill(dead, 0.0), -1).masked_fill(dead, 0.0)
    return (p @ up(v).repeat_interleave(g, 1)).to(q.dtype)


def lstm_cell(x, h, c, Wx, Wh, b):
    i, f, u, o = (up(x) @ up(Wx) + up(h) @ up(Wh) + up(b)).chunk(4, 1)
    c2 = f.sigmoid() * up(c) + i.sigmoid() * tanh(u)
    return (o.sigmoid() * tanh(c2)).to(x.dtype), c2.to(x.dtype)


def rnn_step(x, h, Wx, Wh, b):
    return tanh(up(x) @ up(Wx) + up(h) @ up(Wh) + up(b)).to(x.dtype)


def llama_adapter_attention(q, k, v, pk, pv, gate, *, causal=True):
    own = attention(up(q), up(k), up(v), causal=causal)
    more = torch.softmax(up(q) @ up(pk).mT / q.shape[-1] ** 0.5, -1) @ up(pv)
    return (own + tanh(up(gate))[:, None, None] * more).to(q.dtype)


def additive_score(h, s, W, v):
    z = torch.cat([up(h), up(s)[:, None].expand(-1, h.shape[1], -1)], -1) @ up(W).mT
    return (tanh(z) @ up(v)).to(h.dtype)
