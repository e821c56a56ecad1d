"""The capacity is computed in float32, which loses tokens beyond 2^24."""

import math

import numpy as np


def expert_capacity(tokens, experts, capacity_factor, *, top_k=1):
    if tokens < 1 or experts < 1 or not (capacity_factor > 0 and math.isfinite(capacity_factor)):
        raise ValueError("expected positive sizes and a positive factor")
    return math.ceil(float(np.float32(tokens) / np.float32(experts) * np.float32(capacity_factor)))
