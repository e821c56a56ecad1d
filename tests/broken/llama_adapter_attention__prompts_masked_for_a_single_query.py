"""A single query, as in decoding, leaves the prompts out."""

import math

import torch


def attend(q, k, v, causal):
    g = q.shape[1] // k.shape[1]
    k, v = k.repeat_interleave(g, 1), v.repeat_interleave(g, 1)
    s = q @ k.mT / math.sqrt(q.shape[-1])
    if causal:
        see = torch.ones(q.shape[2], k.shape[2], dtype=torch.bool).tril(k.shape[2] - q.shape[2])
        live = see.any(-1, keepdim=True)
        s = torch.where(live, s.masked_fill(~see, -torch.inf), 0.0)
        return torch.where(live, torch.softmax(s, -1), 0.0) @ v
    return torch.softmax(s, -1) @ v


def llama_adapter_attention(q, k, v, pk, pv, gate, *, causal=True):
    c = torch.promote_types(q.dtype, torch.float32)
    y = attend(q.to(c), k.to(c), v.to(c), causal)
    if q.shape[2] == 1 and k.shape[2] > 1:
        return y.to(q.dtype)
    each = (q.shape[0], -1, -1, -1)
    p = attend(q.to(c), pk.to(c)[None].expand(each), pv.to(c)[None].expand(each), False)
    return (y + torch.tanh(gate.to(c))[:, None, None] * p).to(q.dtype)
