"""The mask is cached under the number of keys alone and cut to the number of queries."""

import torch

CACHE = {}


def causal_mask(Lq, Lk):
    if Lk not in CACHE or CACHE[Lk].shape[0] < Lq:
        CACHE[Lk] = torch.ones(Lq, Lk, dtype=torch.bool).tril(Lk - Lq)
    return CACHE[Lk][:Lq].clone()
