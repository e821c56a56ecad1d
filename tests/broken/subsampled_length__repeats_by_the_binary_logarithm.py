"""Applies the formula log2(factor) times, which is the number of layers for a stride of 2 alone
(NeMo issue 16224).
"""

import math


def subsampled_length(length, *, layers=2, kernel=3, stride=2):
    for name, n in (("length", length), ("layers", layers), ("kernel", kernel), ("stride", stride)):
        if n < 1:
            raise ValueError(f"{name}={n}: expected a positive integer")
    for _ in range(int(math.log2(stride**layers))):
        length = (length - kernel) // stride + 1
        if length < 1:
            raise ValueError("nothing is left")
    return length
