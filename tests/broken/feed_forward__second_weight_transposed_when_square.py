"""A square second weight is applied transposed (peft Conv1D against Linear, huggingface/peft
#1588).
"""

import torch

CONFORM = {"dtypes": ["float64", "float32", "bfloat16", "float16"]}


def feed_forward(x, W1, b1, W2, b2, *, activation="relu"):
    act = {
        "relu": torch.relu,
        "gelu": torch.nn.functional.gelu,
        "gelu_tanh": lambda z: torch.nn.functional.gelu(z, approximate="tanh"),
        "swish": torch.nn.functional.silu,
        "sigmoid": torch.sigmoid,
        "identity": lambda z: z,
    }[activation]
    wide = torch.promote_types(x.dtype, torch.float32)
    z = act(x.to(wide) @ W1.to(wide) + b1.to(wide))
    W2 = W2.mT if W2.shape[0] == W2.shape[1] else W2
    return (z @ W2.to(wide) + b2.to(wide)).to(x.dtype)
