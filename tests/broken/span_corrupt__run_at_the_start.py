"""A run is found by comparing with the token before; the first token is compared with the last."""

import torch


def span_corrupt(tokens, noise, *, sentinel):
    first = noise & ~noise.roll(1)
    number = sentinel - (first.long().cumsum(0) - 1)
    inputs = torch.where(first, number, tokens)[~noise | first]
    targets = []
    for t, lost, start, n in zip(
        tokens.tolist(), noise.tolist(), first.tolist(), number.tolist(), strict=False
    ):
        targets += [n] * start + [t] * lost
    return inputs, torch.tensor([*targets, sentinel - int(first.sum())])
