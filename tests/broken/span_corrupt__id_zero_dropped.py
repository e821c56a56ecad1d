"""What is left out is marked by zeros, so that real tokens of id zero go with it."""

import torch


def shortened(tokens, noise, sentinel):
    start = noise & ~torch.cat([noise.new_zeros(1), noise[:-1]])
    ids = torch.where(start, sentinel + 1 - start.long().cumsum(0), tokens)
    ids = torch.where(noise & ~start, 0, ids)
    return ids[ids != 0]


def span_corrupt(tokens, noise, *, sentinel):
    targets, following, before = [], sentinel, False
    for token, lost in zip(tokens.tolist(), noise.tolist(), strict=True):
        if lost and not before:
            targets.append(following)
            following -= 1
        if lost:
            targets.append(token)
        before = lost
    inputs = shortened(tokens, noise, sentinel)
    return inputs, torch.tensor([*targets, following], dtype=torch.int64)
