"""The power is taken through the logarithm, which zero does not have."""

import math


def need(**sizes):
    for name, n in sizes.items():
        if isinstance(n, bool) or not isinstance(n, int) or n < 1:
            raise ValueError(f"{name}={n!r}: expected a positive integer")


def sequence_accuracy(token_accuracy, *, length):
    need(length=length)
    if not 0 <= token_accuracy <= 1:
        raise ValueError(f"token_accuracy={token_accuracy}")
    return math.exp(length * math.log(token_accuracy))
