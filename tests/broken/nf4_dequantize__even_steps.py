"""Reads the codes as an int4 in two halves."""

MISTAKE = "nf4_dequantize.scale-is-a-step"


def nf4_dequantize(codes, absmax, *, block_size=64):
    scale = absmax.repeat_interleave(block_size)[: len(codes)]
    return (codes.to(absmax.dtype) - 7) / 7 * scale
