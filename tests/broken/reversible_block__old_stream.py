"""Both branches read the old streams: a plain two-stream residual that cannot be inverted."""

MISTAKE = "reversible_block.old-stream"


def reversible_block(x1, x2, f, g):
    return x1 + f(x2), x2 + g(x1)
