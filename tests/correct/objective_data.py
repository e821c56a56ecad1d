"""Span corruption by splitting the text, spans by urn, pairs by plain Python's random."""

import itertools
import random
import re

import torch

CONFORM = {"dtypes": ["float64", "float32", "bfloat16", "float16"]}


def span_corrupt(tokens, noise, *, sentinel):
    pattern = "".join("x" if lost else "." for lost in noise.tolist())
    inputs, targets, given = [], [], tokens.tolist()
    for run in re.finditer(r"x+|\.+", pattern):
        piece = given[run.start() : run.end()]
        if run.group()[0] == "x":
            inputs.append(sentinel)
            targets += [sentinel, *piece]
            sentinel -= 1
        else:
            inputs += piece
    return torch.tensor(inputs, dtype=torch.int64), torch.tensor([*targets, sentinel])


def span_mask(length, *, density=0.15, mean_span=3.0, seed):
    rng = random.Random(seed)
    noise = min(max(round(length * density), 1), length - 1)
    spans = min(max(round(noise / mean_span), 1), noise, length - noise)

    def parts(total):
        cuts = [0, *sorted(rng.sample(range(1, total), spans - 1)), total]
        return [b - a for a, b in itertools.pairwise(cuts)]

    pairs = zip(parts(length - noise), parts(noise), strict=True)
    return torch.tensor([x for kept, lost in pairs for x in [False] * kept + [True] * lost])


def next_sentence_pairs(lengths, *, pairs, seed):
    rng, of = random.Random(seed), []
    for document, size in enumerate(lengths.tolist()):
        of += [document] * size
    starts = [i for i in range(len(of) - 1) if of[i] == of[i + 1]]
    first = [rng.choice(starts) for _ in range(pairs)]
    follows = [rng.random() < 0.5 for _ in range(pairs)]
    second = [
        a + 1 if yes else rng.choice([i for i in range(len(of)) if of[i] != of[a]])
        for a, yes in zip(first, follows, strict=True)
    ]
    return torch.tensor(first), torch.tensor(second), torch.tensor(follows)
