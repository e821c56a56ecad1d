"""The scale is that of width / heads, which need not be a head's size (Mistral Nemo's is not)."""

import torch
import torch.nn.functional as F


def rotate(x, start):
    half = x.shape[-1] // 2
    at = torch.arange(start, start + x.shape[-2]).float()
    angle = at[:, None] * 10000.0 ** (-torch.arange(half).float() / half)
    cos, sin = angle.cos().to(x.dtype), angle.sin().to(x.dtype)
    a, b = x[..., :half], x[..., half:]
    return torch.cat([a * cos - b * sin, b * cos + a * sin], -1)


def norm(x, gamma):
    return F.rms_norm(x, x.shape[-1:], gamma, 1e-6)


def llama_decoder(
    tokens, table, Wq, Wk, Wv, Wo, Wgate, Wup, Wdown, gamma, head, *, heads, kv_heads=None, start=0
):
    kv_heads = kv_heads or heads
    x = table[tokens]
    scale = (table.shape[1] // heads) ** -0.5
    for n in range(Wq.shape[0]):
        y = norm(x, gamma[2 * n])
        q, k, v = (
            (y @ w).unflatten(-1, (count, -1)).transpose(1, 2)
            for w, count in ((Wq[n], heads), (Wk[n], kv_heads), (Wv[n], kv_heads))
        )
        q, k = rotate(q, start), rotate(k, start)
        k, v = (t.repeat_interleave(heads // kv_heads, 1) for t in (k, v))
        o = F.scaled_dot_product_attention(q, k, v, is_causal=True, scale=scale)
        x = x + o.transpose(1, 2).flatten(2) @ Wo[n]
        y = norm(x, gamma[2 * n + 1])
        x = x + (F.silu(y @ Wgate[n]) * (y @ Wup[n])) @ Wdown[n]
    return norm(x, gamma[-1]) @ head
