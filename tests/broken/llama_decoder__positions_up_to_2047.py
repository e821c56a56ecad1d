"""Positions beyond 2047 are taken for the last one."""

import math

import torch
import torch.nn.functional as F


def up(t):
    return t.float() if t.dtype in (torch.float16, torch.bfloat16) else t


def llama_decoder(
    tokens, table, Wq, Wk, Wv, Wo, Wgate, Wup, Wdown, gamma, head, *, heads, kv_heads=None, start=0
):
    K = heads if kv_heads is None else kv_heads
    B, L = tokens.shape
    y = up(table)[tokens]

    def norm(z, g):
        return z * torch.rsqrt((z * z).mean(-1, keepdim=True) + 1e-6) * up(g)

    D = Wq.shape[-1] // heads
    inv = 10000.0 ** (-torch.arange(0, D, 2, dtype=torch.float64) / D)
    at = torch.arange(start, start + L, dtype=torch.float64).clamp(max=2047)
    ang = (at[:, None] * inv).to(torch.float64)
    cos, sin = ang.cos().to(y.dtype), ang.sin().to(y.dtype)

    def turn(z):
        a, b = z[..., : D // 2], z[..., D // 2 :]
        return torch.cat([a * cos - b * sin, b * cos + a * sin], -1)

    see = torch.ones(L, L, dtype=torch.bool).tril()
    for n in range(Wq.shape[0]):
        x = norm(y, gamma[2 * n])
        q = turn((x @ up(Wq[n])).reshape(B, L, heads, D).transpose(1, 2))
        k = turn((x @ up(Wk[n])).reshape(B, L, K, D).transpose(1, 2)).repeat_interleave(
            heads // K, 1
        )
        v = (x @ up(Wv[n])).reshape(B, L, K, D).transpose(1, 2).repeat_interleave(heads // K, 1)
        s = (q @ k.transpose(-1, -2) / math.sqrt(D)).masked_fill(~see, -math.inf)
        y = y + (torch.softmax(s, -1) @ v).transpose(1, 2).flatten(2) @ up(Wo[n])
        x = norm(y, gamma[2 * n + 1])
        y = y + (F.silu(x @ up(Wgate[n])) * (x @ up(Wup[n]))) @ up(Wdown[n])
    return (norm(y, gamma[-1]) @ up(head)).to(table.dtype)
