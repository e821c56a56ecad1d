"""The denominator sums over the negatives alone."""

import math

import torch


def info_nce(queries, keys, *, temperature):
    if queries.shape != keys.shape or temperature <= 0:
        raise ValueError("shapes")
    wide = torch.promote_types(queries.dtype, torch.float32)
    s = queries.to(wide) @ keys.to(wide).T / temperature
    if len(s) == 1:
        return (s * 0).sum().to(queries.dtype)
    others = s.masked_fill(torch.eye(len(s), dtype=torch.bool), -math.inf)
    return (torch.logsumexp(others, -1) - s.diagonal()).mean().to(queries.dtype)
