"""Other routers: scipy's assignment, numpy's random numbers, Sinkhorn in the log domain."""

import numpy as np
import torch
from scipy.optimize import linear_sum_assignment

CONFORM = {"dtypes": ["float64", "float32", "bfloat16", "float16"]}


def balanced_assignment(scores):
    tokens, experts = scores.shape
    if tokens % experts:
        raise ValueError(f"tokens={tokens}, experts={experts}: not even")
    seats = scores.double().repeat_interleave(tokens // experts, 1)
    _, seat = linear_sum_assignment(seats.numpy(), maximize=True)
    return torch.from_numpy(seat // (tokens // experts))


def random_routing(tokens, *, experts, seed):
    return torch.from_numpy(np.random.default_rng(seed).integers(0, experts, tokens))


def hash_routing(tokens, *, experts):
    return tokens - tokens // experts * experts


def sinkhorn_routing(scores, *, iterations=8):
    log = scores.to(torch.promote_types(scores.dtype, torch.float32))
    for _ in range(iterations):
        log = log - log.logsumexp(1, keepdim=True)
        log = log - log.logsumexp(0, keepdim=True)
        log = log + np.log(scores.shape[0] / scores.shape[1])
    return log.exp().to(scores.dtype)


def expert_choice(x, Wg, *, capacity):
    wide = torch.promote_types(x.dtype, torch.float32)
    p = torch.softmax(x.to(wide) @ Wg.to(wide), -1)
    if not 1 <= capacity <= len(p):
        raise ValueError(f"capacity={capacity}")
    indices = p.sort(0, descending=True).indices[:capacity].T.contiguous()
    return indices, p.T.gather(1, indices).to(x.dtype)
