"""Chunks of 128 do not hand on their state."""

import torch


def feature(x):
    return torch.where(x > 0, x + 1, torch.exp(x.clamp(max=0)))


def linear_attention(q, k, v, *, causal=False):
    wide = torch.promote_types(q.dtype, torch.float32)
    a, b, v32 = feature(q.to(wide)), feature(k.to(wide)), v.to(wide)
    if not causal:
        top = a @ (b.mT @ v32)
        return (top / (a @ b.sum(-2)[..., None])).to(q.dtype)
    state = torch.zeros(*b.shape[:2], b.shape[3], v.shape[3], dtype=wide)
    total = torch.zeros(*b.shape[:2], b.shape[3], 1, dtype=wide)
    out = []
    for at in range(0, q.shape[2], 128):
        x, y, z = (t[:, :, at : at + 128] for t in (a, b, v32))
        s = (x @ y.mT).tril()
        top = s @ z + x @ state
        low = s.sum(-1, keepdim=True) + x @ total
        out.append(top / low)
        state = state * 0
        total = total * 0
    return torch.cat(out, dim=2).to(q.dtype)
