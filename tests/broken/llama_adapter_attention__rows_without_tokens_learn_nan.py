"""The same with prompts apart: queries before the first key read prompts alone, and learn NaN."""

import torch


def llama_adapter_attention(q, k, v, pk, pv, gate, *, causal=True):
    wide = torch.promote_types(q.dtype, torch.float32)
    _B, H, L, D = q.shape
    K, Lk = k.shape[1], k.shape[2]
    kk, vv = (t.repeat_interleave(H // K, 1).to(wide) for t in (k, v))
    s = q.to(wide) @ kk.mT * D**-0.5
    if causal:
        hidden = torch.arange(Lk) > torch.arange(L)[:, None] + Lk - L
        s = s + torch.zeros(L, Lk, dtype=wide).masked_fill(hidden, float("-inf"))
    p = torch.nan_to_num(s.softmax(-1))
    a = (q.to(wide) @ pk.to(wide).mT * D**-0.5).softmax(-1) @ pv.to(wide)
    return (p @ vv + gate.to(wide).tanh()[:, None, None] * a).to(q.dtype)
