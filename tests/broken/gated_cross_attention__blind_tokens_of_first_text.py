"""Which tokens see nothing is read off the first text of the batch."""

import math

import torch


def up(t):
    return t.float() if t.dtype in (torch.float16, torch.bfloat16) else t


def gated_cross_attention(x, visual, Wq, Wk, Wv, Wo, gate, *, heads, mask=None):
    B, L, _ = x.shape
    M = visual.shape[1]
    y, m = up(x), up(visual)

    def split(t):
        return t.reshape(B, t.shape[1], heads, -1).transpose(1, 2)

    q, k, v = split(y @ up(Wq)), split(m @ up(Wk)), split(m @ up(Wv))
    s = q @ k.transpose(-1, -2) / math.sqrt(q.shape[-1])
    if mask is not None:
        mask = mask.expand(B, L, M)
        s = s.masked_fill(~mask[:, None], torch.finfo(s.dtype).min)
    w = torch.softmax(s, -1)
    o = (w @ v).transpose(1, 2).flatten(2)
    if mask is not None:
        blind = ~mask[0].any(-1)[None]
        o = torch.where(blind[..., None], 0.0, o)
    return (y + torch.tanh(up(gate)) * (o @ up(Wo))).to(x.dtype)
