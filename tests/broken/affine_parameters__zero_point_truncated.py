"""The zero point is cut off to an integer instead of rounded."""


def affine_parameters(low, high, *, bits=8):
    low, high = min(low, 0.0), max(high, 0.0)
    scale = (high - low) / (2**bits - 1)
    return scale, int(-low / scale)
