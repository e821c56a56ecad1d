"""Products are centred afterwards, by subtracting those of the means."""

import torch


def up(t):
    return t.to(torch.promote_types(t.dtype, torch.float32))


def linear_cka(x, y):
    if x.shape[0] != y.shape[0]:
        raise ValueError("unlike numbers of examples")
    a, b = up(x), up(y)

    def product(s, t):
        n = s.shape[0]
        return s.T @ t - n * s.mean(0)[:, None] * t.mean(0)

    above = product(b, a).square().sum()
    below = product(a, a).norm() * product(b, b).norm()
    return torch.where(below == 0, torch.zeros_like(below), above / below).to(x.dtype)
