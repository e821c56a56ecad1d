"""A factor that does not divide is dropped, as if none had been asked for."""


def lokr_factors(n, *, factor=-1):
    if n < 1 or (factor < 1 and factor != -1):
        raise ValueError("n, factor")
    if factor > 0 and n % factor == 0:
        m = factor
        return min(m, n // m), max(m, n // m)
    m = max(d for d in range(1, int(n**0.5) + 1) if n % d == 0)
    return m, n // m
