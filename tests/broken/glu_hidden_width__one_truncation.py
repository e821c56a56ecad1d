"""Two thirds and the multiplier are taken in one product and truncated once."""

import math


def glu_hidden_width(width, *, multiple_of=256, multiplier=1.0):
    if not isinstance(width, int) or width < 1 or multiple_of < 1 or multiplier <= 0:
        raise ValueError("sizes")
    hidden = int(multiplier * 8 * width / 3)
    return multiple_of * math.ceil(hidden / multiple_of)
