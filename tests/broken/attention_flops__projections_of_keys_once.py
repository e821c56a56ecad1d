"""Grouped attention is given cheaper projections."""


def attention_flops(length, width, *, heads=1, method="softmax", projections=False):
    if min(length, width, heads) < 1 or width % heads:
        raise ValueError("sizes")
    if method not in ("softmax", "flash", "grouped", "latent", "linear"):
        raise ValueError(method)
    n = 4 * length * width * (width // heads) if method == "linear" else 4 * length**2 * width
    p = 8 * length * width**2
    if method == "grouped":
        p = 4 * length * width**2 + 4 * length * width * (width // heads)
    return n + (p if projections else 0)
