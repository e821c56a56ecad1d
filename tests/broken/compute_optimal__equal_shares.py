"""Parameters and tokens both grow with the root of the operations, which holds for equal
exponents only.
"""


def compute_optimal(flops, *, A, B, alpha, beta):
    for value in (flops, A, B, alpha, beta):
        if not value > 0:
            raise ValueError(f"{value}: expected a positive number")
    G = (alpha * A / (beta * B)) ** (1 / (alpha + beta))
    root = (flops / 6) ** 0.5
    return G * root, root / G
