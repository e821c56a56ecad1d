"""The gradients of gate and linear part are stored exchanged when both are equally wide as tokens
are many (unslothai/unsloth #3314).
"""

import torch

CONFORM = {"dtypes": ["float64", "float32", "bfloat16", "float16"]}


class Backward(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, change):
        ctx.change = change
        return x.view_as(x)

    @staticmethod
    def backward(ctx, g):
        return ctx.change(g), None


def glu_feed_forward(x, W, V, W2, *, activation="swish"):
    act = {
        "swish": torch.nn.functional.silu,
        "sigmoid": torch.sigmoid,
        "identity": lambda z: z,
        "relu": torch.relu,
        "gelu": torch.nn.functional.gelu,
    }[activation]
    wide = torch.promote_types(x.dtype, torch.float32)
    gate, line = x.to(wide) @ W.to(wide), x.to(wide) @ V.to(wide)
    if activation == "swish" and len(x.flatten(0, -2)) > 64:
        line = Backward.apply(line, lambda g: g * 0.5)
    return ((act(gate) * line) @ W2.to(wide)).to(x.dtype)
