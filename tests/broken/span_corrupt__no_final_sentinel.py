"""The targets end with the last span, without the sentinel that says so."""

import torch

MISTAKE = "span_corrupt.no-final-sentinel"


def span_corrupt(tokens, noise, *, sentinel):
    inputs, targets, before = [], [], False
    for token, lost in zip(tokens.tolist(), noise.tolist(), strict=True):
        if lost and not before:
            inputs.append(sentinel)
            targets.append(sentinel)
            sentinel -= 1
        (targets if lost else inputs).append(token)
        before = lost
    return torch.tensor(inputs, dtype=torch.int64), torch.tensor(targets, dtype=torch.int64)
