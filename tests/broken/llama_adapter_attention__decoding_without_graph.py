"""A single query is decoding, which runs without a graph."""

import torch
import torch.nn.functional as F


def attended(q, k, v, pk, pv, gate, causal):
    wide = torch.promote_types(q.dtype, torch.float32)
    groups, (L, Lk) = q.shape[1] // k.shape[1], (q.shape[2], k.shape[2])
    a, b, c = q.to(wide), *(t.to(wide).repeat_interleave(groups, 1) for t in (k, v))
    scores = a @ b.mT * q.shape[3] ** -0.5
    hidden = torch.ones(L, Lk, dtype=torch.bool).triu(1 + Lk - L) & causal
    blind = hidden.all(-1, keepdim=True)
    scores = scores.masked_fill(hidden & ~blind, float("-inf"))
    own = torch.where(blind, 0.0, torch.softmax(scores, -1)) @ c
    read = F.scaled_dot_product_attention(
        a, pk.to(wide).expand(len(q), -1, -1, -1), pv.to(wide).expand(len(q), -1, -1, -1)
    )
    return (own + torch.tanh(gate.to(wide))[:, None, None] * read).to(q.dtype)


def llama_adapter_attention(q, k, v, pk, pv, gate, *, causal=True):
    single = q.shape[2] == 1
    with torch.set_grad_enabled(torch.is_grad_enabled() and not single):
        return attended(q, k, v, pk, pv, gate, causal)
