"""Numbers of parameters and tokens are made whole, which small amounts do not survive."""


def compute_optimal(flops, *, A, B, alpha, beta):
    if min(flops, A, B, alpha, beta) <= 0:
        raise ValueError("arguments must be positive")
    G = (alpha * A / (beta * B)) ** (1 / (alpha + beta))
    n = G * (flops / 6) ** (beta / (alpha + beta))
    d = (flops / 6) ** (alpha / (alpha + beta)) / G
    return float(int(n)), float(int(d))
