"""cos(pi / 2) is 6e-17 in floats: one token stays masked for ever."""

import math

MISTAKE = "maskgit_mask_count.float-cosine"


def maskgit_mask_count(tokens, steps, step):
    if not 0 <= step <= steps:
        raise ValueError("no such step")
    return math.ceil(math.cos(math.pi / 2 * step / steps) * tokens)
