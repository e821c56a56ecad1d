"""LLaMA counted with d_ff = 4 d, as if its feed-forward were GPT's."""

MISTAKE = "llama_parameters.hidden-four-widths"


def llama_parameters(*, layers, width, heads, hidden, vocabulary, kv_heads=None, head_dim=None,
                     matrices=3, norms=2, tied=False):  # fmt: skip
    size = head_dim or width // heads
    attention = 2 * width * size * (heads + (kv_heads or heads))
    block = attention + matrices * width * 4 * width + norms * width
    return layers * block + (width if norms else 0) + vocabulary * width * (1 if tied else 2)
