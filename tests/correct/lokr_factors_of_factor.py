"""LoKr's pair as LyCORIS has it: a factor that divides is one of the two, whichever is larger."""


def lokr_factors(n, *, factor=-1):
    if n < 1 or factor == 0 or factor < -1:
        raise ValueError("sizes and factors are positive")
    if factor > 0 and n % factor == 0:
        return min(factor, n // factor), max(factor, n // factor)
    limit = n if factor < 0 else factor
    small = 1
    for d in range(2, limit + 1):
        if d * d > n:
            break
        if n % d == 0:
            small = d
    return small, n // small
