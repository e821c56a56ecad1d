"""The state is kept in tiles of 64 value features; with causal, features of a last partial tile
see their own chunk of 64 tokens only (invented).
"""

import torch


def linear_attention(q, k, v, *, causal=False):
    wide = torch.promote_types(q.dtype, torch.float32)
    fq, fk = (torch.nn.functional.elu(x.to(wide)) + 1 for x in (q, k))
    values = v.to(wide)
    if not causal:
        num = fq @ (fk.mT @ values)
        den = (fq * fk.sum(-2, keepdim=True)).sum(-1, keepdim=True)
        return (num / den).to(q.dtype)
    w = (fq @ fk.mT).tril()
    out = w @ values / w.sum(-1, keepdim=True)
    length, n = q.shape[-2], values.shape[-1] // 64 * 64
    if n and values.shape[-1] % 64 and length > 64:
        chunk = torch.arange(length) // 64
        own = (w * (chunk[:, None] == chunk)) @ values / w.sum(-1, keepdim=True)
        out = torch.cat([out[..., :n], own[..., n:]], -1)
    return out.to(q.dtype)
