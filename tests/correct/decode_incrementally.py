"""Causal stacks token by token with cached keys and values; greedy decoding, too."""

import torch
import torch.nn.functional as F

CONFORM = {
    "dtypes": ["float64", "float32", "bfloat16", "float16"],
    "operators": {"generate_greedy": {}},
}


class _Cache:
    """Keys and values of the layers so far, one list entry a token."""

    def __init__(self, layers):
        self.keys = [[] for _ in range(layers)]
        self.values = [[] for _ in range(layers)]

    def attend(self, n, q, k, v):
        """q[B,H,D], k, v[B,K,D] of one token -> [B,H*D]."""
        self.keys[n].append(k)
        self.values[n].append(v)
        keys, values = torch.stack(self.keys[n], 2), torch.stack(self.values[n], 2)
        grouped = q.unflatten(1, (k.shape[1], -1))
        s = (grouped @ keys.mT).to(torch.promote_types(q.dtype, torch.float32)) * q.shape[
            -1
        ] ** -0.5
        return (torch.softmax(s, -1).to(v.dtype) @ values).flatten(1)


def _gpt_step(cache, token, place, table, positions, attn, W1, W2, gamma, beta, heads):
    x = F.embedding(token, table) + positions[place]
    E = x.shape[-1]
    for n in range(len(attn)):
        y = F.layer_norm(x, (E,), gamma[2 * n], beta[2 * n])
        q, k, v = (y @ attn[n, :3]).unflatten(-1, (heads, -1)).unbind(0)
        x = x + cache.attend(n, q, k, v) @ attn[n, 3]
        y = F.layer_norm(x, (E,), gamma[2 * n + 1], beta[2 * n + 1])
        x = x + F.gelu(y @ W1[n]) @ W2[n]
    return F.linear(F.layer_norm(x, (E,), gamma[-1], beta[-1]), table)


def decoder_only(tokens, table, positions, attn, W1, W2, gamma, beta, *, heads):
    if tokens.shape[1] > len(positions):
        raise ValueError("more tokens than positions")
    cache, rows = _Cache(len(attn)), []
    for t in range(tokens.shape[1]):
        rows.append(
            _gpt_step(cache, tokens[:, t], t, table, positions, attn, W1, W2, gamma, beta, heads)
        )
    return torch.stack(rows, 1) if rows else table.new_zeros(*tokens.shape, len(table))


def generate_greedy(tokens, table, positions, attn, W1, W2, gamma, beta, *, heads, steps):
    length = tokens.shape[1]
    if steps < 1 or length + steps - 1 > len(positions) or length < 1:
        raise ValueError(f"steps={steps}")
    cache, made = _Cache(len(attn)), []
    for t in range(length + steps - 1):
        token = tokens[:, t] if t < length else made[-1]
        logits = _gpt_step(cache, token, t, table, positions, attn, W1, W2, gamma, beta, heads)
        if t >= length - 1:
            made.append(logits.argmax(-1))
    return torch.stack(made, 1)


def _rms(x, g):
    wide = x.to(torch.promote_types(x.dtype, torch.float32))
    return (wide * torch.rsqrt(wide.square().mean(-1, keepdim=True) + 1e-6)).to(x.dtype) * g


def _turned(x, place):
    half = x.shape[-1] // 2
    angle = place * 10000.0 ** -(torch.arange(half, dtype=torch.float64) / half)
    c, s = angle.cos(), angle.sin()
    wide = torch.promote_types(x.dtype, torch.float32)
    a, b = x.to(wide).chunk(2, -1)
    c, s = c.to(wide), s.to(wide)
    return torch.cat([a * c - b * s, b * c + a * s], -1).to(x.dtype)


def llama_decoder(
    tokens, table, Wq, Wk, Wv, Wo, Wgate, Wup, Wdown, gamma, head, *, heads, kv_heads=None, start=0
):
    kv = heads if kv_heads is None else kv_heads
    cache, rows = _Cache(len(Wq)), []
    for t in range(tokens.shape[1]):
        x = F.embedding(tokens[:, t], table)
        for n in range(len(Wq)):
            y = _rms(x, gamma[2 * n])
            q = _turned((y @ Wq[n]).unflatten(-1, (heads, -1)), start + t)
            k = _turned((y @ Wk[n]).unflatten(-1, (kv, -1)), start + t)
            v = (y @ Wv[n]).unflatten(-1, (kv, -1))
            x = x + cache.attend(n, q, k, v) @ Wo[n]
            y = _rms(x, gamma[2 * n + 1])
            x = x + (F.silu(y @ Wgate[n]) * (y @ Wup[n])) @ Wdown[n]
        rows.append(_rms(x, gamma[-1]) @ head)
    return torch.stack(rows, 1) if rows else table.new_zeros(*tokens.shape, head.shape[1])
