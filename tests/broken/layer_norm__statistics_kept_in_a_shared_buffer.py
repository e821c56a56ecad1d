"""Mean and scale are written into a buffer of the shape, so that a backward pass reads those of
the latest forward.
"""

import torch

CONFORM = {"dtypes": ["float64", "float32", "bfloat16", "float16"]}


ROOM = {}


class Norm(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, gamma, beta, eps):
        wide = torch.promote_types(x.dtype, torch.float32)
        z = x.to(wide)
        var, mean = torch.var_mean(z, -1, correction=0, keepdim=True)
        key = (mean.shape, wide)
        if key not in ROOM:
            ROOM[key] = torch.empty(2, *mean.shape, dtype=wide)
        ROOM[key][0].copy_(mean)
        ROOM[key][1].copy_(torch.rsqrt(var + eps))
        ctx.save_for_backward(x, gamma)
        ctx.key = key
        return ((z - mean) * ROOM[key][1] * gamma.to(wide) + beta.to(wide)).to(x.dtype)

    @staticmethod
    def backward(ctx, g):
        x, gamma = ctx.saved_tensors
        mean, scale = ROOM[ctx.key]
        up = g.to(mean.dtype)
        hat = (x.to(mean.dtype) - mean) * scale
        d = up * gamma.to(mean.dtype)
        dx = scale * (d - d.mean(-1, keepdim=True) - hat * (d * hat).mean(-1, keepdim=True))
        dims = tuple(range(x.dim() - 1))
        gain, shift = (up * hat).sum(dims) if dims else up * hat, up.sum(dims) if dims else up
        return dx.to(x.dtype), gain.to(gamma.dtype), shift.to(gamma.dtype), None


def layer_norm(x, gamma, beta, *, eps=1e-5):
    return Norm.apply(x, gamma, beta, eps)
