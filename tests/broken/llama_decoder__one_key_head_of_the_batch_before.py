"""Where all query heads share one key head, keys are read from the sequence before."""

import math

import torch
import torch.nn.functional as F


def _norm(h, g):
    return h * torch.rsqrt(h.square().mean(-1, keepdim=True) + 1e-6) * g


def llama_decoder(
    tokens, table, Wq, Wk, Wv, Wo, Wgate, Wup, Wdown, gamma, head, *, heads, kv_heads=None, start=0
):
    wide = torch.promote_types(table.dtype, torch.float32)
    kv = heads if kv_heads is None else kv_heads
    h = table[tokens].to(wide)
    B, L = tokens.shape
    D = Wq.shape[2] // heads
    inv = 10000.0 ** (-torch.arange(0, D, 2, dtype=torch.float64) / D)
    angle = torch.arange(start, start + L)[:, None].double() * inv
    cos, sin = angle.cos().to(wide), angle.sin().to(wide)

    def turn(z):
        a, b = z.chunk(2, -1)
        return torch.cat([a * cos - b * sin, a * sin + b * cos], -1)

    hidden = torch.ones(L, L, dtype=torch.bool).triu(1)
    for n in range(len(Wq)):
        y = _norm(h, gamma[2 * n].to(wide))
        q = turn((y @ Wq[n].to(wide)).view(B, L, heads, D).transpose(1, 2))
        k = turn((y @ Wk[n].to(wide)).view(B, L, kv, D).transpose(1, 2))
        v = (y @ Wv[n].to(wide)).view(B, L, kv, D).transpose(1, 2)
        if kv == 1 and heads > 1 and B > 1:
            k = k.roll(1, 0)
        k, v = (t.repeat_interleave(heads // kv, 1) for t in (k, v))
        s = (q @ k.mT / D**0.5).masked_fill(hidden, -math.inf)
        h = h + (torch.softmax(s, -1) @ v).transpose(1, 2).reshape(B, L, -1) @ Wo[n].to(wide)
        y = _norm(h, gamma[2 * n + 1].to(wide))
        h = h + (F.silu(y @ Wgate[n].to(wide)) * (y @ Wup[n].to(wide))) @ Wdown[n].to(wide)
    return (_norm(h, gamma[-1].to(wide)) @ head.to(wide)).to(table.dtype)
