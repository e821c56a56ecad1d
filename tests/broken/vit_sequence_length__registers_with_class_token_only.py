"""Registers are counted only where there is a class token."""


def need(**sizes):
    for name, n in sizes.items():
        if isinstance(n, bool) or not isinstance(n, int) or n < 1:
            raise ValueError(f"{name}={n!r}: expected a positive integer")


def vit_sequence_length(height, width, patch, *, class_token=True, registers=0):
    need(height=height, width=width, patch=patch)
    if height % patch or width % patch:
        raise ValueError(f"{height}x{width} by {patch}")
    if isinstance(registers, bool) or not isinstance(registers, int) or registers < 0:
        raise ValueError(f"registers={registers}")
    extra = 1 + registers if class_token else 0
    return (height // patch) * (width // patch) + extra
