"""Layers of a convolution that are only partly needed are not counted."""


def need(**sizes):
    for name, n in sizes.items():
        if isinstance(n, bool) or not isinstance(n, int) or n < 1:
            raise ValueError(f"{name}={n!r}: expected a positive integer")


def path_length(*, distance, kind, width=3):
    need(distance=distance, width=width)
    if kind == "rnn":
        return distance
    if kind == "attention":
        return 1
    if kind != "convolution" or width == 1:
        raise ValueError(f"kind={kind!r} width={width}")
    return max(1, distance // (width - 1))
