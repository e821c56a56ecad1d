"""Slots are clamped to the number of tokens (DeepSpeed #8155)."""

import math


def expert_capacity(tokens, experts, capacity_factor):
    for size in (tokens, experts):
        if not isinstance(size, int) or size < 1:
            raise ValueError(f"size={size!r}: expected a positive integer")
    if not capacity_factor > 0:
        raise ValueError(f"capacity_factor={capacity_factor!r}: expected a positive number")
    return min(math.ceil(tokens / experts * capacity_factor), tokens)
