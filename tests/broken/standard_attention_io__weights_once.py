"""Counts scores and weights as written, but not that they are read again."""

MISTAKE = "standard_attention_io.weights-once"


def standard_attention_io(length, head_dim, sram_elements):
    if min(length, head_dim, sram_elements) < 1:
        raise ValueError("expected positive sizes")
    return 4 * length * head_dim + 2 * length * length
