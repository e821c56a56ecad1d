"""Draws from Python's own generator, seeded anew at every call for the whole process."""

import random

import torch


def next_sentence_pairs(lengths, *, pairs, seed):
    sizes = lengths.tolist()
    if len(sizes) < 2 or max(sizes) < 2:
        raise ValueError("too few sentences")
    starts = [sum(sizes[:d]) for d in range(len(sizes))]
    firsts = [(d, starts[d] + i) for d, n in enumerate(sizes) for i in range(n - 1)]
    random.seed(seed)
    first, second, follows = [], [], []
    for _ in range(pairs):
        d, at = random.choice(firsts)
        nxt = random.random() < 0.5
        others = [s for e, n in enumerate(sizes) if e != d for s in range(starts[e], starts[e] + n)]
        nxt = nxt or not others
        first.append(at)
        second.append(at + 1 if nxt else random.choice(others))
        follows.append(nxt)
    return torch.tensor(first), torch.tensor(second), torch.tensor(follows)
