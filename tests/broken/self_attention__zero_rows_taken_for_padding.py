"""Tokens whose features are all zero are taken for padding and hidden from the others."""

import torch

CONFORM = {"dtypes": ["float64", "float32", "bfloat16", "float16"]}


def self_attention(x, Wq, Wk, Wv, *, causal=False):
    wide = torch.promote_types(x.dtype, torch.float32)
    q, k, v = ((x.to(wide) @ w.to(wide)).to(x.dtype).to(wide) for w in (Wq, Wk, Wv))
    n = x.shape[1]
    s = q @ k.mT / max(q.shape[-1], 1) ** 0.5
    see = (x != 0).any(-1)[:, None, :].expand(-1, n, n)
    if causal:
        see = see & torch.ones(n, n, dtype=torch.bool).tril()
    dead = ~see.any(-1, keepdim=True)
    s = s.masked_fill(~see & ~dead, -torch.inf)
    if causal:
        s = s.masked_fill(~torch.ones(n, n, dtype=torch.bool).tril(), -torch.inf)
    return (torch.softmax(s, -1).to(x.dtype).to(wide) @ v).to(x.dtype)
