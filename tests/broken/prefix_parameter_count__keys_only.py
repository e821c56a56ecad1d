"""The values of the prefix are forgotten."""

MISTAKE = "prefix_parameter_count.keys-only"


def prefix_parameter_count(*, layers, length, width):
    if min(layers, length, width) < 1:
        raise ValueError("sizes are positive")
    return layers * length * width
