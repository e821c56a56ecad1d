"""The range is not widened to hold 0."""


def affine_parameters(low, high, *, bits=8):
    scale = (high - low) / (2**bits - 1)
    return scale, min(max(round(-low / scale), 0), 2**bits - 1)
