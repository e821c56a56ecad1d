"""Runs beyond the hundredth share the last sentinel, T5's vocabulary has a hundred."""

import torch


def span_corrupt(tokens, noise, *, sentinel):
    inputs, targets, n, inside = [], [], 0, False
    for t, hid in zip(tokens.tolist(), noise.tolist(), strict=True):
        if hid and not inside:
            inputs.append(sentinel - min(n, 99))
            targets.append(sentinel - min(n, 99))
            n += 1
        (targets if hid else inputs).append(t)
        inside = hid
    targets.append(sentinel - min(n, 99))
    return torch.tensor(inputs, dtype=torch.int64), torch.tensor(targets, dtype=torch.int64)
