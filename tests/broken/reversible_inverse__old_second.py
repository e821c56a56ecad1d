"""f is asked about the result instead of the recovered input."""

MISTAKE = "reversible_inverse.old-second"


def reversible_inverse(y1, y2, f, g):
    return y1 - f(y2), y2 - g(y1)
