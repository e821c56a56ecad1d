"""A query that sees no token is set to zero, although it sees the prefix."""

import torch


def prefix_attention(q, k, v, pk, pv, *, causal=False, scale=None):
    wide = torch.promote_types(q.dtype, torch.float32)
    B, H, Lq, D = q.shape
    Lk, P = k.shape[2], pk.shape[1]
    k = k.repeat_interleave(H // k.shape[1], 1)
    v = v.repeat_interleave(H // v.shape[1], 1)
    keys = torch.cat([pk.expand(B, -1, -1, -1), k], 2).to(wide)
    values = torch.cat([pv.expand(B, -1, -1, -1), v], 2).to(wide)
    s = q.to(wide) @ keys.transpose(-1, -2) * (D**-0.5 if scale is None else scale)
    seen = torch.ones(Lq, Lk, dtype=torch.bool)
    if causal:
        seen = seen.tril(Lk - Lq)
    full = torch.cat([torch.ones(Lq, P, dtype=torch.bool), seen], 1)
    none = ~full.any(-1, keepdim=True)
    o = torch.softmax(s.masked_fill(~full, float("-inf")).masked_fill(none, 0.0), -1) @ values
    live = seen.any(-1, keepdim=True) if Lk else full.any(-1, keepdim=True)
    return (o * live).to(q.dtype)
