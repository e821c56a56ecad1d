"""Scores divided by sqrt(E) instead of the square root of the head size."""

import math

import torch

MISTAKE = "self_attention.scale-by-width"


def self_attention(x, Wq, Wk, Wv, *, causal=False):
    wide = torch.promote_types(x.dtype, torch.float32)
    q, k, v = (x.to(wide) @ w.to(wide) for w in (Wq, Wk, Wv))
    s = q @ k.mT / math.sqrt(x.shape[-1])
    s = s.masked_fill(torch.ones(s.shape[-2:], dtype=torch.bool).triu(1) & causal, -math.inf)
    return (torch.softmax(s, dim=-1) @ v).to(x.dtype)
