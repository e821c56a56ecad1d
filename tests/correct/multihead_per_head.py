"""Multi-head attention as a sum over heads, each with its own slices of the weights."""

import torch

CONFORM = {"dtypes": ["float64", "float32", "bfloat16", "float16"]}


def head(x, m, wq, wk, wv, hidden):
    s = torch.einsum("bqe,ed,fd,bkf->bqk", x, wq, wk, m) / wq.shape[1] ** 0.5
    dead = hidden.all(-1, keepdim=True)
    p = torch.softmax(s.masked_fill(hidden & ~dead, -torch.inf), dim=-1)
    return p.masked_fill(dead, 0) @ (m @ wv)


def multi_head_attention(x, memory, Wq, Wk, Wv, Wo, *, heads, kv_heads=None, causal=False):
    wide = torch.promote_types(x.dtype, torch.float32)
    d, group = Wq.shape[1] // heads, heads // (kv_heads or heads)
    lq, lk = x.shape[1], memory.shape[1]
    hidden = torch.ones(lq, lk, dtype=torch.bool).triu(lk - lq + 1) & causal
    y, m, total = x.to(wide), memory.to(wide), 0
    for n in range(heads):
        own, shared = slice(n * d, (n + 1) * d), slice(n // group * d, (n // group + 1) * d)
        part = head(
            y, m, Wq[:, own].to(wide), Wk[:, shared].to(wide), Wv[:, shared].to(wide), hidden
        )
        total = total + part @ Wo[own].to(wide)
    return total.to(x.dtype)


def mha_to_gqa(W, *, heads, kv_heads):
    wide = torch.promote_types(W.dtype, torch.float32)
    return (
        W.to(wide).reshape(len(W), kv_heads, heads // kv_heads, -1).mean(2).flatten(1).to(W.dtype)
    )


def cross_attention(x, memory, Wq, Wk, Wv):
    one = torch.eye(Wv.shape[1], dtype=Wv.dtype)
    if Wq.shape[1] != Wv.shape[1]:
        raise NotImplementedError(f"head sizes {Wq.shape[1]} and {Wv.shape[1]} differ")
    return multi_head_attention(x, memory, Wq, Wk, Wv, one, heads=1)


def self_attention(x, Wq, Wk, Wv, *, causal=False):
    wide = torch.promote_types(x.dtype, torch.float32)
    hidden = torch.ones(x.shape[1], x.shape[1], dtype=torch.bool).triu(1) & causal
    weights = (w.to(wide) for w in (Wq, Wk, Wv))
    return head(x.to(wide), x.to(wide), *weights, hidden).to(x.dtype)
