"""Only the down-projection is counted."""

MISTAKE = "adapter_parameter_count.one-matrix"


def adapter_parameter_count(*, width, bottleneck, adapters=1, biases=True):
    if min(width, bottleneck, adapters) < 1:
        raise ValueError("sizes are positive")
    return adapters * (width * bottleneck + (bottleneck + width if biases else 0))
