"""Counts without a look at their sizes: zero and negative ones are computed on."""


def prompt_unchecked(*, length: int, width: int) -> int:
    """p D for any p and D."""
    return length * width


def multitask_unchecked(*, length: int, width: int, tasks: int = 1) -> int:
    """p D + tasks (p + D) for any sizes."""
    return length * width + tasks * (length + width)


def prefix_unchecked(*, layers: int, length: int, width: int) -> int:
    """2 L p D for any sizes."""
    return 2 * layers * length * width


def adapter_unchecked(
    *, width: int, bottleneck: int, adapters: int = 1, biases: bool = True
) -> int:
    """2 d m + d + m for any sizes."""
    return adapters * (2 * width * bottleneck + (bottleneck + width) * biases)


def flops_unchecked(*, tokens: int, width: int, bottleneck: int, adapters: int = 1) -> int:
    """4 d m for any sizes."""
    return 4 * width * bottleneck * tokens * adapters


def llama_unchecked(*, layers: int, length: int, width: int, gates: int = 1) -> int:
    """L (K C + gates) for any sizes."""
    return layers * (length * width + gates)


def bitfit_unchecked(*, layers: int, width: int, feed_forward: int | None = None) -> int:
    """The biases for any sizes."""
    return layers * (7 * width + (feed_forward or 4 * width)) + 2 * width


def fraction_unchecked(*, trainable: int, total: int) -> float:
    """The quotient for any numbers."""
    return trainable / total
