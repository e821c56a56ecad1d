"""A gated layer with biases has two into the hidden layer; one was joined, the other forgotten
(Megatron-LM #346).
"""


def ffn_parameters(*, width, hidden, matrices=2, bias=False):
    for size in (width, hidden):
        if not isinstance(size, int) or size < 1:
            raise ValueError(f"size={size!r}: expected a positive integer")
    if matrices not in (2, 3):
        raise ValueError(f"matrices={matrices!r}: expected 2 or 3")
    return matrices * width * hidden + (hidden + width if bias else 0)
