"""Stacks in eager PyTorch, every tensor in the input's dtype, as people write them."""

import torch
import torch.nn.functional as F

CONFORM = {"dtypes": ["float64", "float32", "bfloat16", "float16"]}


def split(x, w, heads):
    return (x @ w).unflatten(-1, (heads, -1)).transpose(1, 2)


def attend(x, memory, w, heads, mask):
    q, k, v = split(x, w[0], heads), split(memory, w[1], heads), split(memory, w[2], heads)
    scores = q @ k.mT * q.shape[-1] ** -0.5
    weights = torch.softmax(scores.masked_fill(~mask, float("-inf")), -1)
    return (weights @ v).transpose(1, 2).flatten(2) @ w[3]


def causal(L):
    return torch.ones(L, L, dtype=torch.bool).tril()


def encoder_only(x, lengths, attn, W1, W2, gamma, beta, *, heads):
    mask = (torch.arange(x.shape[1]) < lengths[:, None])[:, None, None]
    for n in range(attn.shape[0]):
        x = F.layer_norm(
            x + attend(x, x, attn[n], heads, mask), x.shape[-1:], gamma[n, 0], beta[n, 0]
        )
        x = F.layer_norm(x + F.gelu(x @ W1[n]) @ W2[n], x.shape[-1:], gamma[n, 1], beta[n, 1])
    return x


def decoder_only(tokens, table, positions, attn, W1, W2, gamma, beta, *, heads):
    if tokens.shape[1] > positions.shape[0]:
        raise ValueError("text longer than the table of positions")
    x = F.embedding(tokens, table) + positions[: tokens.shape[1]]
    mask = causal(tokens.shape[1])
    norms = [
        lambda y, g=g, b=b: F.layer_norm(y, y.shape[-1:], g, b)
        for g, b in zip(gamma, beta, strict=True)
    ]
    for n in range(attn.shape[0]):
        y = norms[2 * n](x)
        x = x + attend(y, y, attn[n], heads, mask)
        x = x + F.gelu(norms[2 * n + 1](x) @ W1[n]) @ W2[n]
    return F.linear(norms[-1](x), table)


def generate_greedy(tokens, *weights, heads, steps):
    if steps < 1:
        raise ValueError("no steps")
    text = tokens
    for _ in range(steps):
        new = decoder_only(text, *weights, heads=heads)[:, -1].argmax(-1, keepdim=True)
        text = torch.cat([text, new], 1)
    return text[:, tokens.shape[1] :]


def encoder_decoder(source, target, attn, W1, W2, decoder_attn, decoder_W1, decoder_W2, *, heads):
    def add(x, branch):
        return F.layer_norm(x + branch, x.shape[-1:])

    everything = torch.ones(1, 1, dtype=torch.bool)
    for n in range(attn.shape[0]):
        source = add(source, attend(source, source, attn[n], heads, everything))
        source = add(source, F.relu(source @ W1[n]) @ W2[n])
    for n in range(decoder_attn.shape[0]):
        w = decoder_attn[n]
        target = add(target, attend(target, target, w[:4], heads, causal(target.shape[1])))
        target = add(target, attend(target, source, w[4:], heads, everything))
        target = add(target, F.relu(target @ decoder_W1[n]) @ decoder_W2[n])
    return source, target


def sliding_window_stack(x, attn, *, window, heads=1):
    mask = causal(x.shape[1]).triu(1 - window)
    for w in attn:
        x = x + attend(x, x, w, heads, mask)
    return x


def input_embedding(tokens, table, positions, *, scaled=False):
    if tokens.shape[1] > positions.shape[0]:
        raise ValueError("text longer than the table of positions")
    words = F.embedding(tokens, table)
    words = words * table.shape[1] ** 0.5 if scaled else words
    return words + positions[: tokens.shape[1]]
