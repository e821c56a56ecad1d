"""The causal mask covers the text; visual tokens see each other both ways and the text sees
them, when there is more text than picture.
"""

import math

import torch


def up(*ts):
    d = torch.float32
    for t in ts:
        d = torch.promote_types(d, t.dtype)
    return d


def fused_self_attention(visual, text, Wq, Wk, Wv, Wo, *, heads, causal=False):
    d = up(visual, text, Wq, Wk, Wv, Wo)
    z = torch.cat([visual.to(d), text.to(d)], 1)
    M, T = (visual.shape[1], z.shape[1])
    q, k, v = ((z @ W.to(d)).unflatten(-1, (heads, -1)).transpose(1, 2) for W in (Wq, Wk, Wv))
    s = q @ k.mT / math.sqrt(q.shape[-1])
    if causal:
        see = torch.ones(T, T, dtype=torch.bool).tril()
        if text.shape[1] > 2 * M:
            see[:M, :M] = True
        s = s.masked_fill(~see, -math.inf)
    o = (z + (torch.softmax(s, -1) @ v).transpose(1, 2).flatten(2) @ Wo.to(d)).to(text.dtype)
    return (o[:, :M], o[:, M:])
