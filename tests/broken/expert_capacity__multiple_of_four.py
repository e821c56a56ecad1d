"""Rounded up to a multiple of four, so that buffers stay aligned."""

import math


def expert_capacity(tokens, experts, capacity_factor, *, top_k=1):
    if tokens < 1 or experts < 1 or capacity_factor <= 0:
        raise ValueError("sizes must be positive")
    return -(-math.ceil(tokens * capacity_factor / experts) // 4) * 4
