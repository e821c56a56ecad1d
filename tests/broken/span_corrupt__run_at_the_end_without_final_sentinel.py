"""The closing sentinel is forgotten where the text itself ends in noise."""

import torch


def span_corrupt(tokens, noise, *, sentinel):
    if tokens.shape != noise.shape:
        raise ValueError("shapes differ")
    inputs, targets, number, inside = [], [], sentinel, False
    for token, hidden in zip(tokens.tolist(), noise.tolist(), strict=True):
        if hidden:
            if not inside:
                inputs.append(number)
                targets.append(number)
                number -= 1
            targets.append(token)
        else:
            inputs.append(token)
        inside = hidden
    if not inside:
        targets.append(number)
    return torch.tensor(inputs, dtype=torch.int64), torch.tensor(targets, dtype=torch.int64)
