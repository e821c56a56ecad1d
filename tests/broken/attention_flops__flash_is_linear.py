"""FlashAttention counted as if its operations, not its traffic, were linear."""

MISTAKE = "attention_flops.flash-is-linear"


def attention_flops(length, width, *, heads=1, method="softmax", projections=False):
    inner = width // heads if method in ("linear", "flash") else length
    return 4 * length * width * inner + 8 * length * width * width * projections
