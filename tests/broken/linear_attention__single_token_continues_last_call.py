"""A call of one token is taken for the next step of the sequence before: it goes on with the state
that the last causal call left.
"""

import torch

STATE = {}


def phi(x):
    return torch.where(x > 0, x + 1, torch.exp(x.clamp(max=0)))


def linear_attention(q, k, v, *, causal=False):
    wide = torch.promote_types(q.dtype, torch.float32)
    a, b, w = phi(q.to(wide)), phi(k.to(wide)), v.to(wide)
    n = q.shape[2]
    if not causal:
        return ((a @ (b.mT @ w)) / (a * b.sum(-2, keepdim=True)).sum(-1, keepdim=True)).to(q.dtype)
    shape = (*q.shape[:2], q.shape[3], v.shape[3], q.dtype)
    outer = (b[..., :, None] * w[..., None, :]).cumsum(2)
    keys = b.cumsum(2)
    if n == 1 and shape in STATE:
        before, counted = STATE[shape]
        outer, keys = outer + before, keys + counted
    o = torch.einsum("bhld,bhlde->bhle", a, outer) / (a * keys).sum(-1, keepdim=True)
    if n > 1:
        STATE[shape] = outer[:, :, -1:].detach(), keys[:, :, -1:].detach()
    return o.to(q.dtype)
