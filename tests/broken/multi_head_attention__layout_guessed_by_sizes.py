"""Inputs with more sequences than tokens are taken for sequence-first and turned."""

import torch

CONFORM = {"dtypes": ["float64", "float32", "bfloat16", "float16"]}


def multi_head_attention(x, memory, Wq, Wk, Wv, Wo, *, heads, kv_heads=None, causal=False):
    wide = torch.promote_types(x.dtype, torch.float32)
    turn = x.shape[0] > x.shape[1] and x.shape[:2] == memory.shape[:2]
    if turn:
        x, memory = x.transpose(0, 1), memory.transpose(0, 1)
    b, n, m = x.shape[0], x.shape[1], memory.shape[1]
    kv = heads if kv_heads is None else kv_heads

    def project(y, w, count):
        z = (y.to(wide) @ w.to(wide)).to(x.dtype).to(wide)
        return z.reshape(*z.shape[:2], count, -1).transpose(1, 2)

    q, k, v = project(x, Wq, heads), project(memory, Wk, kv), project(memory, Wv, kv)
    k, v = (t.repeat_interleave(heads // kv, 1) for t in (k, v))
    s = q @ k.mT / q.shape[-1] ** 0.5
    see = torch.ones(n, m, dtype=torch.bool)
    if causal:
        see = see.tril(m - n)
    dead = ~see.any(-1, keepdim=True)
    p = torch.softmax(s.masked_fill(~see, -torch.inf).masked_fill(dead, 0.0), -1).masked_fill(
        dead, 0.0
    )
    o = (p.to(x.dtype).to(wide) @ v).transpose(1, 2).reshape(b, n, -1).to(x.dtype)
    y = (o.to(wide) @ Wo.to(wide)).to(x.dtype)
    return y.transpose(0, 1) if turn else y
