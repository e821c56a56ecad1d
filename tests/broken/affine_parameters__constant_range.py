"""A range of one value that is not zero has the scale nought over the number of codes, as if it
were not widened.
"""


def affine_parameters(low, high, *, bits=8):
    if low > high or (low == high == 0):
        raise ValueError("range")
    if low == high:
        return 0.0, 0
    low, high = min(low, 0.0), max(high, 0.0)
    scale = (high - low) / (2**bits - 1)
    return scale, round(-low / scale)
