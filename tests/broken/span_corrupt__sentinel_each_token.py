"""Every lost token gets a sentinel of its own, runs are not joined."""

import torch


def span_corrupt(tokens, noise, *, sentinel):
    inputs, targets = [], []
    for t, lost in zip(tokens.tolist(), noise.tolist(), strict=False):
        if lost:
            inputs.append(sentinel)
            targets += [sentinel, t]
            sentinel -= 1
        else:
            inputs.append(t)
    return torch.tensor(inputs, dtype=torch.int64), torch.tensor([*targets, sentinel])
