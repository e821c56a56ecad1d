"""The capacity is never below 4, the default min_capacity of DeepSpeed's gates."""

import math
from fractions import Fraction


def expert_capacity(tokens, experts, capacity_factor):
    for size in (tokens, experts):
        if isinstance(size, bool) or not isinstance(size, int) or size < 1:
            raise ValueError("sizes are positive integers")
    if not capacity_factor > 0 or math.isinf(capacity_factor):
        raise ValueError("the factor is positive")
    return max(4, math.ceil(Fraction(tokens, experts) * Fraction(capacity_factor)))
