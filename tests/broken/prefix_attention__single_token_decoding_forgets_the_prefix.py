"""peft: with a cache the prefix is prepended at the first step only; here a query of one token
behind other keys is taken for a later step."""

import torch


def prefix_attention(q, k, v, pk, pv, *, causal=False, scale=None):
    wide = torch.promote_types(q.dtype, torch.float32)
    B, H, Lq, D = q.shape
    K, P, Lk = k.shape[1], pk.shape[1], k.shape[2]
    scale = D**-0.5 if scale is None else scale
    if causal and Lq == 1 and Lk > 1:
        pk, pv, P = pk[:, :0], pv[:, :0], 0
    kk = torch.cat((pk.expand(B, -1, -1, -1), k.repeat_interleave(H // K, 1)), 2).to(wide)
    vv = torch.cat((pv.expand(B, -1, -1, -1), v.repeat_interleave(H // K, 1)), 2).to(wide)
    s = q.to(wide) @ kk.mT * scale
    if causal:
        j = torch.arange(P + Lk) - P
        s = s.masked_fill((j >= 0) & (j > torch.arange(Lq)[:, None] + Lk - Lq), float("-inf"))
    p = torch.where(s.isneginf().all(-1, keepdim=True), torch.zeros_like(s), s.softmax(-1))
    return (p @ vv).to(q.dtype)
