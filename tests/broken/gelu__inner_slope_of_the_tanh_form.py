"""The tanh form's backward takes 0.044715 x^2 for the slope of the cube."""

import torch

CONFORM = {"dtypes": ["float64", "float32", "bfloat16", "float16"]}


class Gelu(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, form):
        ctx.save_for_backward(x)
        ctx.form = form
        wide = torch.promote_types(x.dtype, torch.float32)
        return torch.nn.functional.gelu(x.to(wide), approximate=form).to(x.dtype)

    @staticmethod
    def backward(ctx, d):
        (x,) = ctx.saved_tensors
        wide = torch.promote_types(x.dtype, torch.float32)
        u, g = x.to(wide), d.to(wide)
        if ctx.form == "none":
            slope = (
                0.5 * torch.erfc(-u * 0.7071067811865476)
                + u * torch.exp(-u * u / 2) * 0.3989422804014327
            )
        else:
            t = torch.tanh(0.7978845608028654 * (u + 0.044715 * u**3))
            slope = 0.5 * (1 + t) + 0.5 * u * (1 - t * t) * 0.7978845608028654 * (
                1 + 0.044715 * u * u
            )
        return (slope * g).to(d.dtype), None


def gelu(x, *, approximate="none"):
    return Gelu.apply(x, approximate)
