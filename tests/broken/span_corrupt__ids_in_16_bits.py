"""Ids pass through 16 bits, as small data sets are stored."""

import torch


def span_corrupt(tokens, noise, *, sentinel):
    if tokens.shape != noise.shape:
        raise ValueError("shapes")
    given = tokens.to(torch.int16).tolist()
    inputs, targets, inside, mark = [], [], False, sentinel
    for t, hidden in zip(given, noise.tolist(), strict=True):
        if hidden and not inside:
            inputs.append(mark)
            targets.append(mark)
            mark -= 1
        (targets if hidden else inputs).append(t)
        inside = hidden
    targets.append(mark)
    return torch.tensor(inputs, dtype=torch.int64), torch.tensor(targets, dtype=torch.int64)
