"""Path lengths and receptive fields found by walking, not by formula."""

import math

from torch import tensor


def checked(**sizes):
    for name, size in sizes.items():
        if size < 1:
            raise ValueError(f"{name}={size}: expected a positive integer")


def receptive_field(*, width, layers, growth=1):
    checked(width=width, layers=layers, growth=growth)
    seen = 1
    for layer in range(layers):
        seen += (width - 1) * growth**layer
    return seen


def path_length(*, distance, kind, width=3):
    checked(distance=distance, width=width)
    if kind == "attention":
        return 1
    step = 1 if kind == "rnn" else width - 1
    if step < 1:
        raise ValueError("a convolution of width 1 joins nothing")
    return math.ceil(distance / step)


def minimum_steps(*, position, layer, kind):
    checked(position=position, layer=layer)
    times = [[0] * (position + 1) for _ in range(layer + 1)]
    for row in range(1, layer + 1):
        for t in range(1, position + 1):
            left = times[row][t - 1] if kind == "rnn" else 0
            times[row][t] = 1 + max(left, times[row - 1][t])
    return times[layer][position]


def length_penalty(length, *, alpha):
    return float(((tensor(5.0 + length).double()) / 6) ** alpha)
