"""Prompts are cut to the key heads and repeated like them (peft issue 1362, models with grouped
queries).
"""

import torch


def _attend(q, k, v, hidden=None):
    scores = q @ k.mT * q.shape[-1] ** -0.5
    if hidden is not None:
        scores = scores.masked_fill(hidden, float("-inf"))
    if not k.shape[-2]:
        return q.new_zeros(*q.shape[:-1], v.shape[-1])
    top = scores.amax(-1, keepdim=True)
    e = torch.exp(scores - top.masked_fill(top == float("-inf"), 0.0))
    total = e.sum(-1, keepdim=True)
    return (e @ v) / total.masked_fill(total == 0, 1.0)


def llama_adapter_attention(q, k, v, pk, pv, gate, *, causal=True):
    dtype = q.dtype
    wide = torch.promote_types(dtype, torch.float32)
    q, k, v, pk, pv, gate = (t.to(wide) for t in (q, k, v, pk, pv, gate))
    heads, kv, lq, lk = q.shape[1], k.shape[1], q.shape[2], k.shape[2]
    n = heads // kv
    k, v = k.repeat_interleave(n, 1), v.repeat_interleave(n, 1)
    pk, pv = pk[:kv].repeat_interleave(n, 0), pv[:kv].repeat_interleave(n, 0)
    hidden = ~torch.ones(lq, lk, dtype=torch.bool).tril(lk - lq) if causal else None
    out = _attend(q, k, v, hidden)
    return (out + gate.tanh()[:, None, None] * _attend(q, pk, pv)).to(dtype)
