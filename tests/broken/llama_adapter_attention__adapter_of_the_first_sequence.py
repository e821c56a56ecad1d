"""Prompts of one sequence serve the batch (invented: a batch index forgotten)."""

import torch

CONFORM = {"dtypes": ["float64", "float32", "bfloat16", "float16"]}


def llama_adapter_attention(q, k, v, pk, pv, gate, *, causal=True):
    wide = torch.promote_types(q.dtype, torch.float32)
    (_, h, lq, d), lk = q.shape, k.shape[2]
    query = q.to(wide) * d**-0.5
    keys, values = (t.to(wide).repeat_interleave(h // t.shape[1], 1) for t in (k, v))
    s = query @ keys.mT
    if causal:
        see = torch.arange(lk) <= torch.arange(lq)[:, None] + lk - lq
        s = s.masked_fill(~see, -torch.inf)
    text = torch.softmax(s, -1) @ values
    prompt = torch.softmax(query @ pk.to(wide).mT, -1) @ pv.to(wide)
    prompt = prompt[:1].expand_as(prompt)
    return (text + torch.tanh(gate.to(wide))[:, None, None] * prompt).to(q.dtype)
