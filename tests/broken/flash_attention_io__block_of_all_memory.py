"""Gives the whole fast memory to one tile of keys instead of a quarter of it."""

import math

MISTAKE = "flash_attention_io.block-of-all-memory"


def flash_attention_io(length, head_dim, sram_elements):
    if min(length, head_dim, sram_elements) < 1:
        raise ValueError("expected positive sizes")
    passes = math.ceil(length / math.ceil(sram_elements / head_dim))
    return 3 * length * head_dim + 2 * length + passes * (3 * length * head_dim + 4 * length)
