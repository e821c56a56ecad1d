"""The count is kept in 32 bits and wraps."""

import numpy as np


def need(**sizes):
    for name, n in sizes.items():
        if isinstance(n, bool) or not isinstance(n, int) or n < 1:
            raise ValueError(f"{name}={n!r}: expected a positive integer")


def vit_encoder_flops(tokens, width, layers):
    need(tokens=tokens, width=width, layers=layers)
    total = layers * (24 * tokens * width**2 + 4 * tokens**2 * width)
    return int(np.int64(total).astype(np.uint32)) if total < 2**63 else total
