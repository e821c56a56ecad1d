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


def biased_attention(x, Wq, bq, Wk, bk, Wv, bv, *, heads, causal=False):
    d = up(x, Wq)
    q, k, v = (
        (x.to(d) @ W.to(d) + b.to(d)).unflatten(-1, (heads, -1)).transpose(1, 2)
        for W, b in ((Wq, bq), (Wk, bk), (Wv, bv))
    )
    s = q @ k.mT / math.sqrt(q.shape[-1])
    if causal:
        s = s.masked_fill(~see(s.shape[-1]), -math.inf)
    return (torch.softmax(s, -1) @ v).transpose(1, 2).flatten(2).to(x.dtype)
