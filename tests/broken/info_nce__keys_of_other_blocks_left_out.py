"""Queries and keys are taken in blocks of 32, a query competes with its own block."""

import torch


def info_nce(queries, keys, *, temperature):
    wide = torch.promote_types(queries.dtype, torch.float32)
    total = torch.zeros((), dtype=wide)
    for q, k in zip(queries.to(wide).split(32), keys.to(wide).split(32), strict=True):
        scores = q @ k.T / temperature
        total = total + (torch.logsumexp(scores, -1) - scores.diagonal()).sum()
    return (total / queries.shape[0]).to(queries.dtype)
