"""The gate is broadcast along the tokens where there are as many as heads."""

import torch


def llama_adapter_attention(q, k, v, pk, pv, gate, *, causal=True):
    _B, H, Lq, D = q.shape
    G, Lk = H // k.shape[1], k.shape[2]
    work = torch.float64 if q.dtype == torch.float64 else torch.float32
    qf = q.to(work)
    kf, vf = k.to(work).repeat_interleave(G, 1), v.to(work).repeat_interleave(G, 1)
    s = qf @ kf.transpose(-1, -2) * D**-0.5
    if causal:
        s = s.masked_fill(torch.ones(Lq, Lk, dtype=torch.bool).triu(1 + Lk - Lq), float("-inf"))
    tokens = torch.softmax(s, -1).nan_to_num(0.0) @ vf
    if pk.shape[1] == 0:
        return tokens.to(q.dtype)
    prompts = torch.softmax(qf @ pk.to(work).transpose(-1, -2) * D**-0.5, -1) @ pv.to(work)
    opened = torch.tanh(gate.to(work))
    opened = opened.view(1, 1, -1, 1) if Lq == H else opened.view(1, -1, 1, 1)
    return (tokens + opened * prompts).to(q.dtype)
