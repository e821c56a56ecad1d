"""The running sum of the keys is made by a kernel without a gradient."""

import torch


def feature(x):
    return torch.where(x > 0, x + 1, torch.exp(x.clamp(max=0)))


def linear_attention(q, k, v, *, causal=False):
    wide = torch.promote_types(q.dtype, torch.float32)
    a, b, v32 = feature(q.to(wide)), feature(k.to(wide)), v.to(wide)
    if not causal:
        top = a @ (b.mT @ v32)
        return (top / (a @ b.detach().sum(-2)[..., None])).to(q.dtype)
    state = torch.zeros(*b.shape[:2], b.shape[3], v.shape[3], dtype=wide)
    total = torch.zeros(*b.shape[:2], b.shape[3], 1, dtype=wide)
    out = []
    for at in range(0, q.shape[2], 16):
        x, y, z = (t[:, :, at : at + 16] for t in (a, b, v32))
        s = (x @ y.mT).tril()
        top = s @ z + x @ state
        low = (x @ y.detach().mT).tril().sum(-1, keepdim=True) + x @ total.detach()
        out.append(top / low)
        state = state + y.mT @ z
        total = total + y.sum(-2)[..., None]
    return torch.cat(out, dim=2).to(q.dtype)
