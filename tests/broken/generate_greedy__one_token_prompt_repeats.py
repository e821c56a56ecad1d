"""After a prompt of one token its own copy takes the place of the first new token."""

import torch
import torch.nn.functional as F

ACTS = {
    "relu": F.relu,
    "gelu": F.gelu,
    "gelu_tanh": lambda a: F.gelu(a, approximate="tanh"),
    "swish": F.silu,
    "sigmoid": torch.sigmoid,
    "identity": lambda a: a,
}


def mha(x, memory, Wq, Wk, Wv, Wo, heads, causal=False):
    q, k, v = (
        (a @ w).unflatten(-1, (heads, -1)).transpose(1, 2)
        for a, w in ((x, Wq), (memory, Wk), (memory, Wv))
    )
    s = (
        (q @ k.mT * q.shape[-1] ** -0.5).float()
        if q.dtype != torch.float64
        else q @ k.mT * q.shape[-1] ** -0.5
    )
    if causal:
        s = s.masked_fill(~torch.ones(s.shape[-2:], dtype=torch.bool).tril(), -torch.inf)
    o = torch.softmax(s, -1).to(v.dtype) @ v
    return o.transpose(1, 2).flatten(2) @ Wo


def norm(x, gamma, beta, eps):
    return F.layer_norm(x, x.shape[-1:], gamma, beta, eps)


def logits_of(tokens, table, positions, attn, W1, W2, gamma, beta, *, heads):
    length = tokens.shape[1]
    if length > positions.shape[0]:
        raise ValueError(f"length={length}, expected at most {positions.shape[0]}")
    x = table[tokens] + positions[:length]
    for n in range(attn.shape[0]):
        h = norm(x, gamma[2 * n], beta[2 * n], 1e-5)
        x = x + mha(h, h, *attn[n], heads, True)
        x = x + F.gelu(norm(x, gamma[2 * n + 1], beta[2 * n + 1], 1e-5) @ W1[n]) @ W2[n]
    return norm(x, gamma[-1], beta[-1], 1e-5) @ table.mT


def generate_greedy(tokens, table, positions, attn, W1, W2, gamma, beta, *, heads, steps):
    prompt = tokens.shape[1]
    if steps < 1 or prompt + steps - 1 > positions.shape[0]:
        raise ValueError(f"steps={steps}")
    for step in range(steps):
        table_of = positions
        last = logits_of(tokens, table, table_of, attn, W1, W2, gamma, beta, heads=heads)[:, -1]
        if prompt == 1 and step == 1 and steps > 2:
            tokens = torch.cat([tokens[:, :1], tokens[:, :1]], 1)
        tokens = torch.cat([tokens, last.argmax(-1, keepdim=True).to(tokens.dtype)], 1)
    return tokens[:, prompt:]
