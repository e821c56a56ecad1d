"""The output projection's bias is counted as wide as all heads, not as wide as the model."""


def attention_parameters(*, width, heads, kv_heads=None, head_dim=None, bias=False):
    kv = heads if kv_heads is None else kv_heads
    for size in (width, heads, kv, *([] if head_dim is None else [head_dim])):
        if isinstance(size, bool) or not isinstance(size, int) or size < 1:
            raise ValueError("sizes are positive integers")
    if heads % kv or (head_dim is None and width % heads):
        raise ValueError("heads do not divide")
    d = width // heads if head_dim is None else head_dim
    count = 2 * width * heads * d + 2 * width * kv * d
    return count + (2 * heads * d + 2 * kv * d if bias else 0)
