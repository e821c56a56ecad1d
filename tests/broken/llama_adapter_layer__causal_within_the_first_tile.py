"""When causal, keys beyond the first 64 are seen by every query beyond them."""

import math

import torch


def up(*ts):
    d = torch.float32
    for t in ts:
        d = torch.promote_types(d, t.dtype)
    return d


def see(n):
    m = torch.ones(n, n, dtype=torch.bool).tril()
    m[64:, 64:] = True
    return m


def llama_adapter_layer(x, prompt, Wq, Wk, Wv, Wo, bo, gate, *, heads, causal=True):
    d = up(x, prompt, Wq)

    def sp(t):
        return t.unflatten(-1, (heads, -1)).transpose(-2, -3)

    q, k, v = (sp(x.to(d) @ W.to(d)) for W in (Wq, Wk, Wv))
    pk, pv = (sp(prompt.to(d) @ W.to(d)) for W in (Wk, Wv))
    s = q @ k.mT / math.sqrt(q.shape[-1])
    if causal:
        s = s.masked_fill(~see(s.shape[-1]), -math.inf)
    o = torch.softmax(s, -1) @ v + torch.tanh(gate.to(d))[:, None, None] * (
        torch.softmax(q @ pk.mT / math.sqrt(q.shape[-1]), -1) @ pv
    )
    return (o.transpose(1, 2).flatten(2) @ Wo.to(d) + bo.to(d)).to(x.dtype)
