"""The input is switched to need a gradient, as checkpointing wants it, and stays so for the
caller.
"""

import torch

CONFORM = {"dtypes": ["float64", "float32", "bfloat16", "float16"]}


def feed_forward(x, W1, b1, W2, b2, *, activation="relu"):
    if torch.is_grad_enabled() and x.is_leaf and x.is_floating_point():
        x.requires_grad_()
    wide = torch.promote_types(x.dtype, torch.float32)
    act = {
        "relu": torch.relu,
        "gelu": torch.nn.functional.gelu,
        "gelu_tanh": lambda z: torch.nn.functional.gelu(z, approximate="tanh"),
        "swish": torch.nn.functional.silu,
        "sigmoid": torch.sigmoid,
        "identity": lambda z: z,
    }[activation]
    hidden = (x.to(wide) @ W1.to(wide) + b1.to(wide)).to(x.dtype).to(wide)
    hidden = act(hidden).to(x.dtype).to(wide)
    return (hidden @ W2.to(wide) + b2.to(wide)).to(x.dtype)
