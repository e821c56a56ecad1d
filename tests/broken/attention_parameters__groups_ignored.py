"""Four d^2, whatever the number of key heads."""

MISTAKE = "attention_parameters.groups-ignored"


def attention_parameters(*, width, heads, kv_heads=None, head_dim=None, bias=False):
    inner = heads * (head_dim or width // heads)
    return 4 * width * inner + (3 * inner + width if bias else 0)
