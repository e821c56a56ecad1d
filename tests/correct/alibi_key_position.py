"""Bloom's form of ALiBi, slope times key position: equal after softmax (declared)."""

import torch

CONFORM = {"operators": {"alibi_bias": {"conventions": {"alibi_form": "key_position"}}}}


def alibi_slopes(heads):
    power = 1
    while power * 2 <= heads:
        power *= 2
    slopes = [2.0 ** (-8.0 * n / power) for n in range(1, power + 1)]
    slopes += [2.0 ** (-4.0 * n / power) for n in range(1, 2 * (heads - power), 2)]
    return torch.tensor(slopes)


def alibi_bias(heads, Lq, Lk):
    position = torch.arange(Lk, dtype=torch.float32)
    return (alibi_slopes(heads)[:, None, None] * position).repeat(1, Lq, 1)
