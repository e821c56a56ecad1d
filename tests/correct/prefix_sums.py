"""Cumulative sums: linear attention by prefix sums, routing by cumsum, masks by cumulated ones."""

import math

import torch

CONFORM = {"dtypes": ["float64", "float32", "bfloat16", "float16"]}


def up(t):
    return t.to(torch.promote_types(t.dtype, torch.float32))


def phi(x):
    return torch.where(x > 0, x + 1, torch.exp(torch.clamp(x, max=0)))


def linear_attention(q, k, v, *, causal=False):
    a, b, c = phi(up(q)), phi(up(k)), up(v)
    kv = b[..., :, None] * c[..., None, :]
    if causal:
        S, n = kv.cumsum(2), b.cumsum(2)
    else:
        S, n = kv.sum(2, keepdim=True), b.sum(2, keepdim=True)
    top = (a[..., None, :] @ S)[..., 0, :]
    return (top / (a * n).sum(-1, keepdim=True)).to(q.dtype)


def causal_mask(Lq, Lk):
    step = torch.zeros(Lq, Lk, dtype=torch.int64)
    at = torch.arange(Lq) + Lk - Lq + 1  # the first hidden key
    ok = (at >= 0) & (at < Lk)
    step[ok, at[ok]] = 1
    step[at < 0, :1] = 1
    return step.cumsum(1) == 0


def padding_mask(lengths, L):
    return torch.ones(len(lengths), L).cumsum(1) <= lengths[:, None]


def moe_dispatch(indices, *, experts, capacity):
    T, k = indices.shape
    one = torch.nn.functional.one_hot(indices, experts)  # T k N
    place = (
        one.transpose(0, 1).reshape(k * T, experts).cumsum(0).reshape(k, T, experts).transpose(0, 1)
    )
    return (place * one).sum(-1) <= capacity


def expert_capacity(tokens, experts, capacity_factor):
    if tokens < 1 or experts < 1 or capacity_factor <= 0:
        raise ValueError
    return math.ceil(tokens / experts * capacity_factor)


def alibi_slopes(heads):
    if heads < 1:
        raise ValueError

    def power(n):
        return torch.full((n,), 2.0 ** (-8.0 / n), dtype=torch.float64).cumprod(0)

    p = 1 << (heads.bit_length() - 1)
    out = power(p)
    if p < heads:
        out = torch.cat([out, power(2 * p)[0::2][: heads - p]])
    return out.float()


def alibi_bias(heads, Lq, Lk):
    at = torch.ones(Lk).cumsum(0)[None] - (torch.ones(Lq).cumsum(0)[:, None] + (Lk - Lq))
    return alibi_slopes(heads)[:, None, None] * torch.where(at > 0, -at, at)


def sliding_window_mask(Lq, Lk, window):
    if window < 1:
        raise ValueError
    m = causal_mask(Lq, Lk)
    return m & (m.flip(1).int().cumsum(1).flip(1) <= window)


def sink_window_mask(Lq, Lk, window, sinks):
    return sliding_window_mask(Lq, Lk, window) | (
        causal_mask(Lq, Lk) & (torch.ones(Lk).cumsum(0) <= sinks)
    )
