"""Byte-pair encoding one merge at a time, over a list of ranks, and decoding by a stack."""

import itertools

import torch

CONFORM = {"dtypes": ["float64", "float32", "bfloat16", "float16"]}


def bpe_encode(symbols, merges, *, alphabet, boundaries=None):
    pairs = [tuple(pair) for pair in merges.tolist()]
    if symbols.numel() and int(symbols.max()) >= alphabet:
        raise ValueError("unknown symbol")
    if any(max(pair) >= alphabet + rank for rank, pair in enumerate(pairs)):
        raise ValueError("a merge of what does not exist yet")
    bounds = [0, len(symbols)] if boundaries is None else boundaries.tolist()
    ids = []
    for begin, end in itertools.pairwise(bounds):
        row = symbols[begin:end].tolist()
        while True:
            ranks = [
                pairs.index((a, b)) if (a, b) in pairs else len(pairs)
                for a, b in itertools.pairwise(row)
            ]
            if not ranks or min(ranks) == len(pairs):
                break
            at = ranks.index(min(ranks))
            row[at : at + 2] = [alphabet + ranks[at]]
        ids += row
    return torch.tensor(ids, dtype=torch.int64)


def bpe_decode(ids, merges, *, alphabet):
    pairs, stack, out = merges.tolist(), ids.tolist()[::-1], []
    if ids.numel() and int(ids.max()) >= alphabet + len(pairs):
        raise ValueError("unknown id")
    while stack:
        top = stack.pop()
        if top < alphabet:
            out.append(top)
        else:
            stack += pairs[top - alphabet][::-1]
    return torch.tensor(out, dtype=torch.int64)
