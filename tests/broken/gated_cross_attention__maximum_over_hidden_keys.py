"""The maximum of a row is taken before the mask: large hidden scores make all the visible
weights vanish.
"""

import torch


def gated_cross_attention(x, visual, Wq, Wk, Wv, Wo, gate, *, heads, mask=None):
    dtype = x.dtype
    wide = torch.promote_types(dtype, torch.float32)
    x, visual, Wq, Wk, Wv, Wo, gate = (t.to(wide) for t in (x, visual, Wq, Wk, Wv, Wo, gate))
    q, k, v = (
        (s @ m).unflatten(-1, (heads, -1)).transpose(1, 2)
        for s, m in ((x, Wq), (visual, Wk), (visual, Wv))
    )
    scores = q @ k.mT * q.shape[-1] ** -0.5
    e = torch.exp(scores - scores.amax(-1, keepdim=True).detach())
    if mask is not None:
        e = e * mask[:, None]
    total = e.sum(-1, keepdim=True)
    out = (e @ v) / total.masked_fill(total == 0, 1.0)
    return (x + gate.tanh() * (out.transpose(1, 2).flatten(2) @ Wo)).to(dtype)
