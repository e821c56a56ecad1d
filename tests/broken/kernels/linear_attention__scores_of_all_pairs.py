"""Causal sums are taken over a matrix of all pairs."""

import torch
from _interpreted import tl, triton  # noqa: F401

CONFORM = {"promises": ["traffic"], "dtypes": ["float32"]}


def linear_attention(q, k, v, *, causal=False):
    q, k = (torch.nn.functional.elu(x) + 1 for x in (q, k))
    if not causal:
        return q @ (k.mT @ v) / (q @ k.sum(-2, keepdim=True).mT)
    weights = (q @ k.mT).tril()
    return weights @ v / weights.sum(-1, keepdim=True)
