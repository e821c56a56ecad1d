"""The formulas as they read, in the input's dtype, from left to right."""

import torch
import torch.nn.functional as F


def adapter(h, Wdown, bdown, Wup, bup, *, activation="relu"):
    act = {
        "relu": F.relu,
        "gelu": F.gelu,
        "gelu_tanh": lambda t: F.gelu(t, approximate="tanh"),
        "swish": F.silu,
        "sigmoid": torch.sigmoid,
        "identity": lambda t: t,
    }[activation]
    return h + act(h @ Wdown + bdown) @ Wup + bup


def cross_attention(x, memory, Wq, Wk, Wv):
    q, k, v = x @ Wq, memory @ Wk, memory @ Wv
    w = (torch.bmm(q, k.permute(0, 2, 1)) / q.shape[-1] ** 0.5).softmax(-1)
    return torch.bmm(w, v)


def additive_score(h, s, W, v):
    T = h.shape[1]
    cat = torch.cat([h, s.unsqueeze(1).repeat(1, T, 1)], dim=-1)
    return torch.tanh(cat @ W.t()) @ v


def seq2seq_attention(h, e):
    a = F.softmax(e, dim=1)
    return (a.unsqueeze(-1) * h).sum(1), a


def clip_loss(image, text, *, temperature):
    i = image / image.norm(dim=-1, keepdim=True)
    t = text / text.norm(dim=-1, keepdim=True)
    s = i @ t.T / temperature
    y = torch.arange(len(s))
    return (F.cross_entropy(s, y) + F.cross_entropy(s.T, y)) / 2


def load_balancing_loss(probs, indices):
    n = probs.shape[1]
    f = F.one_hot(indices, n).to(probs.dtype).mean(0)
    return n * (f * probs.mean(0)).sum()
