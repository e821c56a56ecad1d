"""The quotient is taken in integers."""


def need(**sizes):
    for name, n in sizes.items():
        if isinstance(n, bool) or not isinstance(n, int) or n < 1:
            raise ValueError(f"{name}={n!r}: expected a positive integer")


def length_penalty(length, *, alpha):
    need(length=length)
    return float(((5 + length) // 6) ** alpha)
