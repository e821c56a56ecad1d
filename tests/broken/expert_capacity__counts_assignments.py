"""Slots are counted for assignments: a second choice doubles them."""

import math

CONVENTION = "capacity_counts=assignments"


def expert_capacity(tokens, experts, capacity_factor, *, top_k=1):
    if tokens < 1 or experts < 1 or capacity_factor <= 0:
        raise ValueError("sizes must be positive")
    return math.ceil(tokens * top_k / experts * capacity_factor)
