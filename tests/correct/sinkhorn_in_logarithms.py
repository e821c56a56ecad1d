"""Sinkhorn's scaling as sums of logarithms in the input's dtype, as entropic transport has it."""

import math

import torch

CONFORM = {"dtypes": ["float64", "float32", "bfloat16", "float16"]}


def sinkhorn_routing(scores, *, iterations=8):
    if iterations < 1:
        raise ValueError(f"iterations={iterations}: expected at least 1")
    s = scores
    for _ in range(iterations):
        s = s - torch.logsumexp(s, 1, keepdim=True)
        s = s - torch.logsumexp(s, 0, keepdim=True) + math.log(len(s) / s.shape[1])
    return s.exp()
