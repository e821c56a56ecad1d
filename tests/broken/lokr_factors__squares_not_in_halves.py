"""The search ends before the square root, so that a square is never split into its two roots."""


def lokr_factors(n, *, factor=-1):
    if n < 1 or (factor != -1 and factor < 1):
        raise ValueError(f"n={n}, factor={factor}: expected positive sizes")
    small = 1
    for m in range(2, n if factor == -1 else min(n, factor + 1)):
        if m * m < n and n % m == 0:
            small = m
    return small, n // small
