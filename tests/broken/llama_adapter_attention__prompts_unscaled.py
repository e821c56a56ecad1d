"""Scores of the prompts are not divided by the root of the head size."""

import math

import torch


def llama_adapter_attention(q, k, v, pk, pv, gate, *, causal=True):
    wide = torch.promote_types(q.dtype, torch.float32)
    heads, n, m = q.shape[1], q.shape[2], k.shape[2]
    keys, values = (t.to(wide).repeat_interleave(heads // t.shape[1], 1) for t in (k, v))
    s = q.to(wide) @ keys.mT / math.sqrt(q.shape[-1])
    seen = (
        torch.ones(n, m, dtype=torch.bool).tril(m - n)
        if causal
        else torch.ones(n, m, dtype=torch.bool)
    )
    p = torch.softmax(s.masked_fill(~seen, -math.inf), -1).masked_fill(
        ~seen.any(-1, keepdim=True), 0.0
    )
    extra = torch.softmax(q.to(wide) @ pk.to(wide).mT, -1) @ pv.to(wide)
    return (p @ values + torch.tanh(gate.to(wide))[:, None, None] * extra).to(q.dtype)
