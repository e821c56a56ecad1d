"""The even share is rounded up before the factor multiplies it."""

import math

MISTAKE = "expert_capacity.factor-after-rounding"


def expert_capacity(tokens, experts, capacity_factor):
    return math.ceil(math.ceil(tokens / experts) * capacity_factor)
