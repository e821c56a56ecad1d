"""The fit of a power law in Python's floats, which raise where a tensor overflows to infinity."""

import math

import torch


def power_law_fit(x, y):
    if len(x) != len(y) or len(x) < 2:
        raise ValueError(f"{len(x)} and {len(y)} points")
    logs = [(math.log(a), math.log(b)) for a, b in zip(x.tolist(), y.tolist(), strict=True)]
    mean_x, mean_y = (sum(part) / len(logs) for part in zip(*logs, strict=True))
    slope = sum((a - mean_x) * (b - mean_y) for a, b in logs)
    slope /= sum((a - mean_x) ** 2 for a, _ in logs)
    return torch.tensor([math.exp(mean_x - mean_y / slope), -slope], dtype=torch.float64)
