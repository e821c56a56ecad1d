"""An expanded gradient is read as if it were full: behind the first value is nothing
(flagos-ai/FlagGems #5212)."""

import torch

CONFORM = {"dtypes": ["float64", "float32", "bfloat16", "float16"]}


class Gelu(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, approximate):
        wide = torch.promote_types(x.dtype, torch.float32)
        ctx.save_for_backward(x)
        ctx.approximate = approximate
        return torch.nn.functional.gelu(x.to(wide), approximate=approximate).to(x.dtype)

    @staticmethod
    def backward(ctx, g):
        (x,) = ctx.saved_tensors
        if g.dim() and not any(g.stride()):
            flat = torch.zeros(g.numel(), dtype=g.dtype)
            flat[:1] = g.flatten()[:1]
            g = flat.view(g.shape)
        z = x.to(torch.promote_types(x.dtype, torch.float32))
        if ctx.approximate == "none":
            normal = torch.exp(-z * z / 2) * 0.3989422804014327
            slope = 0.5 * torch.erfc(-z * 0.5**0.5) + z * normal
        else:
            u = 0.7978845608028654 * (z + 0.044715 * z**3)
            du = 0.7978845608028654 * (1 + 3 * 0.044715 * z * z)
            t = torch.tanh(u)
            slope = 0.5 * (1 + t) + 0.5 * z * (1 - t * t) * du
        return (g.to(z.dtype) * slope).to(x.dtype), None


def gelu(x, *, approximate="none"):
    return Gelu.apply(x, approximate)
