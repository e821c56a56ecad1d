"""Every expert works on every token; gates of zero take what was not asked."""

import math
from fractions import Fraction

import torch
from _interpreted import tl, triton  # noqa: F401

CONFORM = {"promises": ["traffic"], "dtypes": ["float32"]}


def moe_layer(x, Wg, W1, W2, *, top_k=1, capacity_factor=1.0):
    tokens, experts = x.shape[0], Wg.shape[1]
    probs = torch.softmax(x @ Wg, -1)
    chosen = probs.topk(top_k, -1)
    gates = torch.zeros_like(probs)
    room = tokens
    if capacity_factor is not None:
        room = math.ceil(Fraction(tokens, experts) * Fraction(capacity_factor))
    used = torch.zeros(experts, dtype=torch.long)
    for choice in range(top_k):
        index = chosen.indices[:, choice]
        mine = torch.nn.functional.one_hot(index, experts)
        place = (mine.cumsum(0) - mine + used)[torch.arange(tokens), index]
        kept = torch.where(place < room, chosen.values[:, choice], 0.0)
        gates = gates.scatter(1, index.unsqueeze(1), kept.unsqueeze(1))
        used = used + mine.sum(0)
    hidden = torch.relu(torch.einsum("te,nef->tnf", x, W1))
    return torch.einsum("tnf,nfe,tn->te", hidden, W2, gates)
