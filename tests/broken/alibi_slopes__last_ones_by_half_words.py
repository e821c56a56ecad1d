"""The second part of many slopes is written at the wrong place: 48 heads end in a slope of the
first part (ggml-org/llama.cpp #20031).
"""

import torch


def alibi_slopes(heads):
    power = 1 << (heads.bit_length() - 1)
    first = [2.0 ** (-8 * (n + 1) / power) for n in range(power)]
    more = [2.0 ** (-4 * (2 * n + 1) / power) for n in range(heads - power)]
    if power >= 32 and more:
        more[-1] = first[-1]
    return torch.tensor(first + more)
