"""Queries and keys are each filled to their own largest length."""

import torch

MISTAKE = "smyrf_transform.own-maximum"


def smyrf_transform(q, k):
    def fill(x):
        square = (x * x).sum(-1, keepdim=True)
        return (square.amax(-2, keepdim=True) - square).clamp(min=0).sqrt(), torch.zeros_like(
            square
        )

    (a, none), (b, zero) = fill(q), fill(k)
    return torch.cat([q, none, a], -1), torch.cat([k, b, zero], -1)
