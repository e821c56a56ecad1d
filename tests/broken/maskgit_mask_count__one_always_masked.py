"""At least one token stays masked, after the last step as well."""

import math
from fractions import Fraction


def maskgit_mask_count(tokens, steps, step):
    if tokens < 1 or steps < 1 or not 0 <= step <= steps:
        raise ValueError(f"tokens={tokens}, steps={steps}, step={step}")
    exact = {Fraction(0): 1, Fraction(2, 3): Fraction(1, 2), Fraction(1): 0}
    part = Fraction(step, steps)
    share = exact.get(part, math.cos(math.pi / 2 * step / steps))
    return max(math.ceil(share * tokens), 1)
