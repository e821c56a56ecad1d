"""Visual tokens come in blocks of 64; what was added up is not rescaled when the maximum grows."""

import math

import torch


def up(t):
    return t.float() if t.dtype in (torch.float16, torch.bfloat16) else t


def gated_cross_attention(x, visual, Wq, Wk, Wv, Wo, gate, *, heads, mask=None):
    B, L, _ = x.shape
    M = visual.shape[1]
    y, m = up(x), up(visual)

    def split(t):
        return t.reshape(B, t.shape[1], heads, Wq.shape[1] // heads).transpose(1, 2)

    q, k, v = split(y @ up(Wq)), split(m @ up(Wk)), split(m @ up(Wv))
    s = q @ k.transpose(-1, -2) / math.sqrt(q.shape[-1])
    if mask is not None:
        s = s.masked_fill(~mask.expand(B, L, M)[:, None], -math.inf)
    top = s.new_full((*s.shape[:-1], 1), -1e30)
    total, acc = torch.zeros_like(top), torch.zeros_like(q)
    for a in range(0, M, 64):
        part = s[..., a : a + 64]
        new = torch.maximum(top, part.detach().amax(-1, keepdim=True))
        p = torch.exp(part - new)
        f = torch.exp(top - new)
        total = total * f + p.sum(-1, keepdim=True)
        acc = acc + p @ v[:, :, a : a + 64]
        top = new
    o = torch.where(total > 0, acc / torch.where(total > 0, total, 1.0), 0.0)
    return (y + torch.tanh(up(gate)) * (o.transpose(1, 2).flatten(2) @ up(Wo))).to(x.dtype)
